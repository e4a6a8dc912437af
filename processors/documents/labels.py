"""Who may see a document: what was said of it last, whichever change said so.

A change that says nothing leaves that as it was, so that a new text never opens what was closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from processors.guard.access import EVERYONE, UNCLASSIFIED
from schemas.events import DocumentFed, DocumentVersion


class Said(NamedTuple):
    """Names, and when they were fed: by the feed's time and its order, not by the version.

    Who withdraws a document from somebody need not know which version of it there is.
    """

    fed_at: int
    sequence: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """A document's access list and classes; None where nobody said anything yet."""

    acl: Said | None = None
    classes: Said | None = None

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """What `payload` made of them."""
        found = {name: _said(payload.get(name)) for name in ("acl", "classes")}
        return cls(**found)

    def payload(self) -> dict[str, Any]:
        """As a fence keeps them."""
        there = {"acl": self.acl, "classes": self.classes}
        return {
            name: [said.fed_at, said.sequence, [*said.names]]
            for name, said in there.items()
            if said is not None
        }

    def after(self, document: DocumentVersion) -> Labels:
        """These once a change has said what it says; what was said later stays."""
        at = document.fed_at, document.sequence
        return Labels(
            _later(self.acl, at, document.acl), _later(self.classes, at, document.classes)
        )

    def overrule(self, document: DocumentVersion) -> bool:
        """Whether something else was said later than what this change says."""
        at = document.fed_at, document.sequence
        said = (self.acl, document.acl), (self.classes, document.classes)
        both = ((known, names) for known, names in said if known is not None and names is not None)
        return any(at < known[:2] and {*known.names} != {*names} for known, names in both)

    def joined(self, other: Labels) -> Labels:
        """Of each what was said later, here or there."""
        return Labels(_latest(self.acl, other.acl), _latest(self.classes, other.classes))

    def on(self, document: DocumentVersion) -> DocumentVersion:
        """The version as a store takes it: nothing is left open."""
        return replace(document, acl=[*self.groups], classes=[*self.needed])

    def told(self, document: DocumentVersion) -> DocumentVersion:
        """A change of access with all that is known, also of what it said nothing about.

        As of when the last of it was fed: under the time of a change that came late, a text that
        comes again would say otherwise.
        """
        there = [said for said in (self.acl, self.classes) if said is not None]
        spoken = document.fed_at, document.sequence
        fed_at, sequence = max((said[:2] for said in there), default=spoken)
        acl, classes = (None if s is None else [*s.names] for s in (self.acl, self.classes))
        return replace(document, fed_at=fed_at, sequence=sequence, acl=acl, classes=classes)

    @property
    def groups(self) -> tuple[str, ...]:
        """Who may see it; none: nobody."""
        return (EVERYONE,) if self.acl is None else self.acl.names

    @property
    def needed(self) -> tuple[str, ...]:
        """The classes it has."""
        return (self.classes.names if self.classes else ()) or (UNCLASSIFIED,)


def states(document: DocumentFed | DocumentVersion) -> bool:
    """Whether a change says anything of who may see it."""
    return document.acl is not None or document.classes is not None


def _later(said: Said | None, at: tuple[int, int], names: Sequence[str] | None) -> Said | None:
    if names is None or (said is not None and at < said[:2]):
        return said
    return Said(*at, tuple(dict.fromkeys(names)))


def _latest(one: Said | None, other: Said | None) -> Said | None:
    return one if other is None or (one is not None and one > other) else other


def _said(kept: Any) -> Said | None:
    return None if kept is None else Said(kept[0], kept[1], tuple(kept[2]))
