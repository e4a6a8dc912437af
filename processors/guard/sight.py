"""What the one who asks may find: the store's filter, and the policy's word on every hit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processors.guard import asking
from processors.guard.access import EVERYONE, UNCLASSIFIED, Access
from processors.guard.decision import Decision, Refusal
from processors.guard.identity import identity_of
from processors.guard.personal import KINDS
from processors.guard.ports import Policy
from processors.ports import StoredChunk
from processors.questions.carried import decided
from schemas.events import Carried

MASK, DROP_INSTRUCTIONS = "mask-", "drop-instructions"


@dataclass(frozen=True, slots=True)
class Sight:
    """`access` is what the store is told; `shows` is asked of what it gives, hit by hit."""

    access: Access
    shows: Callable[[Sequence[StoredChunk]], Sequence[bool]]
    drops: bool = False  # what looks like an instruction to a model

    @classmethod
    def by(cls, access: Access) -> Sight:
        """Without a policy: of programs that measure, over documents of their own."""
        return cls(access, lambda chunks: [access.allows(c.classes, c.acl) for c in chunks])


UNLABELLED = Sight.by(Access(frozenset({UNCLASSIFIED}), frozenset({EVERYONE})))
"""Documents of which nobody said who may see them."""


# Of a follow-up that its session spelled out, mostly.
_UNDERSTOOD = Refusal(
    "understood",
    "the question, as it is understood, is too long or holds what no question may: ask it anew, "
    "in words of its own",
)


@dataclass(frozen=True, slots=True)
class Permit:
    """A question as it may be searched for."""

    carried: Carried
    decision: Decision
    sight: Sight


def permit(policy: Policy, carried: Carried) -> Permit:
    """What the policy says of a question's variants; those that it drops are searched for no more.

    The question's own text, which comes first, is never dropped alone: then nothing is allowed.
    """
    who = identity_of(carried.question)
    decision = asking.may_search(policy, who, carried.variants)
    if 0 in decision.dropped:
        refusals = decision.refusals or (_UNDERSTOOD,)
        decision = replace(decision, allowed=False, refusals=refusals)
    if decision.dropped:
        kept = [v for at, v in enumerate(carried.variants) if at not in decision.dropped]
        carried = replace(carried, variants=kept)
        said = f"retrieve: {len(decision.dropped)} variants dropped by policy {decision.policy}"
        carried = decided(carried, said)
    if decision.shadow:
        carried = decided(carried, f"retrieve: {decision.shadow}")

    def shows(chunks: Sequence[StoredChunk]) -> Sequence[bool]:
        return asking.may_show(policy, who, chunks)

    masked = {each.removeprefix(MASK) for each in decision.guards if each.startswith(MASK)}
    if masked:
        # Whoever misspelt a kind wanted something hidden, and it is not known what.
        wanted = masked if masked <= {*KINDS} else KINDS
        carried = replace(carried, masked=sorted(wanted))
    drops = DROP_INSTRUCTIONS in decision.guards
    return Permit(carried, decision, Sight(decision.access, shows, drops))
