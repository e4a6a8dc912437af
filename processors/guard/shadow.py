"""A candidate policy beside the one in force: asked the same, heeded by nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from processors.guard.decision import Ask, Decision
from processors.guard.ports import Policy


class Shadowed:
    """A `Policy`: what the one in force decides, with what the candidate would decide otherwise."""

    def __init__(self, live: Policy, candidate: Policy) -> None:
        self._live = live
        self._candidate = candidate

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        """See `Policy.decide`."""
        decided = self._live.decide(ask, about)
        return replace(decided, shadow=difference(decided, self._candidate.decide(ask, about)))


def difference(live: Decision, candidate: Decision) -> str:
    """What a candidate decides otherwise, in words; empty: nothing."""
    said = "; ".join(_differences(live, candidate))
    return f"policy {candidate.policy} {said}" if said else ""


def _differences(live: Decision, candidate: Decision) -> Iterator[str]:
    if live.allowed and not candidate.allowed:
        yield f"would refuse by {candidate.rules}"
        return
    if candidate.allowed and not live.allowed:
        yield f"would allow what {live.rules} refuses"
        return
    if live.rules != candidate.rules:
        yield f"would refuse by {candidate.rules}, not by {live.rules}"
    for what, mine, theirs in (
        ("drop variants", live.dropped, candidate.dropped),
        ("show hits", live.shown, candidate.shown),
        ("see classes", live.access.classes, candidate.access.classes),
        ("see groups", live.access.groups, candidate.access.groups),
        ("have answers", live.guards, candidate.guards),
    ):
        if mine != theirs:
            yield f"would {what} {_listed(theirs)}, not {_listed(mine)}"


def _listed(names: frozenset[str] | tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(names))) or "none"
