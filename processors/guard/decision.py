"""What a policy decides, and how its words are read: what is unclear is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from processors.guard.access import NOTHING, Access

Ask = Literal["ask", "search", "show"]
"""Whether a question may be asked; what is searched for it; which hits may be shown."""

ASKS: tuple[Ask, ...] = ("ask", "search", "show")
UNAVAILABLE = "policy-unavailable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that refuses, and what it says to who asked."""

    rule: str
    says: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decided; `policy` is its version and the beginning of its hash.

    `dropped` and `shown` are positions in what was asked about; `guards` what an answer needs:
    `mask-KIND` of personal data, `drop-instructions`. `shadow` says how a candidate
    policy would have decided, where that differs.
    """

    allowed: bool
    policy: str
    refusals: tuple[Refusal, ...] = ()
    dropped: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()
    access: Access = NOTHING
    guards: frozenset[str] = frozenset()
    shadow: str = ""

    @property
    def rules(self) -> str:
        """The rules that refuse, by name."""
        return ", ".join(sorted({each.rule for each in self.refusals}))

    @property
    def reasons(self) -> list[str]:
        """Why not, for who asked: each refusal, its rule and the policy."""
        return [f"{each.says} (rule {each.rule}, policy {self.policy})" for each in self.refusals]


def unavailable(why: str, policy: str = "none") -> Decision:
    """What stands where nothing can be decided."""
    return Decision(False, policy, (Refusal(UNAVAILABLE, f"no policy can be asked: {why}"),))


def decision(said: object, mark: str) -> Decision:
    """What a policy's answer says; `mark` is the hash of the policy.

    An answer of another shape, or a refusal that names no rule, allows nothing.
    """
    if not isinstance(said, Mapping):
        return unavailable("it gave no decision", mark)
    answer = cast("Mapping[str, object]", said)
    version = answer.get("version")
    policy = f"{version}@{mark}" if isinstance(version, str) else mark
    try:
        refusals = tuple(
            Refusal(_text(each["rule"]), _text(each["says"]))
            for each in cast("list[dict[str, object]]", answer.get("refused", []))
        )
        found = Decision(
            allowed=answer["allow"] is True and not refusals,
            policy=policy,
            refusals=refusals,
            dropped=_numbers(answer.get("dropped", [])),
            shown=_numbers(answer.get("shown", [])),
            guards=_names(answer.get("guards", [])),
            access=Access(_names(answer.get("classes", [])), _names(answer.get("groups", []))),
        )
    except (KeyError, TypeError, ValueError):
        return unavailable("its decision has another form", policy)
    if not found.allowed and not refusals:
        return replace(found, refusals=(Refusal("default", "no rule allows this"),))
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError
    return frozenset(_text(each) for each in cast("list[object]", value))


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise TypeError
    # OPA writes whole numbers as such; another program might not.
    return tuple(sorted(int(cast("int", each)) for each in cast("list[object]", value)))
