"""Who may see a document: what was said of it last, whichever change said so.

A change that says nothing leaves that as it was, so that a new text never opens what was closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

from processors.guard.access import EVERYONE, UNCLASSIFIED
from schemas.access import COMING
from schemas.events import AccessSaid, DocumentFed, DocumentVersion

_ABOUT = ("acl", "classes")
Closed = Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
"""Names for those alone who are let in by both."""


class Said(NamedTuple):
    """Names, when they were fed, and the version that said so; None: it was said alone.

    Who withdraws a document from somebody need not know which version of it there is.
    """

    fed_at: int
    sequence: int
    names: tuple[str, ...]
    version: int | None = None

    @property
    def at(self) -> tuple[int, int]:
        return self.fed_at, self.sequence

    def after(self, other: Said) -> bool:
        """Whether this counts beside `other`: of two versions' words the newer version's."""
        if self.version is None or other.version is None or self.version == other.version:
            return self.at >= other.at
        return self.version > other.version


class Text(NamedTuple):
    """The version that a document has, and when it was fed."""

    version: int
    fed_at: int


@dataclass(frozen=True, slots=True)
class Labels:
    """A document's access list and classes; None where nobody said anything yet.

    `acl_coming` and `classes_coming` are said by versions in the bulk lane, which a live version
    may overtake: until they are there, nobody sees the document whom they would shut out.
    """

    acl: Said | None = None
    classes: Said | None = None
    acl_coming: Said | None = None
    classes_coming: Said | None = None

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """What `payload` made of them."""
        return cls(**{each.name: _said(payload.get(each.name)) for each in fields(cls)})

    def payload(self) -> dict[str, Any]:
        """As a fence keeps them."""
        there = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: [said.fed_at, said.sequence, [*said.names], said.version]
            for name, said in there.items()
            if said is not None
        }

    def after(self, document: DocumentVersion, text: Text) -> Labels:
        """These once a change has said what it says, of a document that has `text`.

        What was said later stays. A version that is older than the text and was fed after it is
        one that was sent again: it was not asked about this text, so that it may close it and not
        open it.
        """
        if document.access_of == COMING:
            return Labels(
                self.acl,
                self.classes,
                _coming(self.acl, self.acl_coming, said_in(document, "acl"), _common),
                _coming(self.classes, self.classes_coming, said_in(document, "classes"), _all),
            )
        again = text.version > document.version and 0 < text.fed_at < document.fed_at
        again = again and _version(document) is not None
        acl = _next(self.acl, said_in(document, "acl"), _common, (EVERYONE,), again=again)
        classes = _next(self.classes, said_in(document, "classes"), _all, (), again=again)
        return Labels(
            acl, classes, _left(self.acl_coming, acl), _left(self.classes_coming, classes)
        )

    def overrule(self, document: DocumentVersion) -> bool:
        """Whether something else counts than what this change says."""
        kept = (self.acl, said_in(document, "acl")), (self.classes, said_in(document, "classes"))
        both = ((known, said) for known, said in kept if known is not None and said is not None)
        return any({*known.names} != {*said.names} for known, said in both)

    def joined(self, other: Labels) -> Labels:
        """Of each what counts, here or there."""
        acl, classes = _latest(self.acl, other.acl), _latest(self.classes, other.classes)
        coming = (
            _met(self.acl_coming, other.acl_coming, _common),
            _met(self.classes_coming, other.classes_coming, _all),
        )
        return Labels(acl, classes, _left(coming[0], acl), _left(coming[1], classes))

    def on(self, document: DocumentVersion) -> DocumentVersion:
        """The version as a store takes it: nothing is left open."""
        return replace(document, acl=[*self.groups], classes=[*self.needed])

    def told(self) -> list[AccessSaid]:
        """All of it, for an index that is made again."""
        return [
            AccessSaid(
                about=each.name.partition("_")[0],
                names=[*said.names],
                fed_at=said.fed_at,
                sequence=said.sequence,
                version=said.version,
                coming=each.name not in _ABOUT,
            )
            for each in fields(self)
            if (said := getattr(self, each.name)) is not None
        ]

    @property
    def groups(self) -> tuple[str, ...]:
        """Who may see it; none: nobody."""
        names = (EVERYONE,) if self.acl is None else self.acl.names
        return names if self.acl_coming is None else _common(names, self.acl_coming.names)

    @property
    def needed(self) -> tuple[str, ...]:
        """The classes it has."""
        said = [each.names for each in (self.classes, self.classes_coming) if each is not None]
        return tuple(dict.fromkeys(name for names in said for name in names)) or (UNCLASSIFIED,)


def states(document: DocumentFed | DocumentVersion) -> bool:
    """Whether a change says anything of who may see it."""
    return document.acl is not None or document.classes is not None


def said_in(document: DocumentVersion, about: str) -> Said | None:
    """What a change says about one of them."""
    names = document.acl if about == "acl" else document.classes
    if names is None:
        return None
    once = tuple(dict.fromkeys(names))
    return Said(document.fed_at, document.sequence, once, _version(document))


def _version(document: DocumentVersion) -> int | None:
    """Of the version that says it."""
    alone = document.op == "access" and document.access_of == ""
    return None if alone else document.version


def _next(
    known: Said | None, said: Said | None, closed: Closed, opened: tuple[str, ...], *, again: bool
) -> Said | None:
    if said is None or (known is not None and not said.after(known)):
        return known
    if not again:
        return said
    if known is None:
        return said._replace(names=closed(opened, said.names))
    return known._replace(names=closed(known.names, said.names))


def _coming(
    known: Said | None, coming: Said | None, said: Said | None, closed: Closed
) -> Said | None:
    if said is None or (known is not None and known.at >= said.at):
        return coming
    return _met(coming, said, closed)


def _met(one: Said | None, other: Said | None, closed: Closed) -> Said | None:
    """Both, as of the later."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: each.at)._replace(names=closed(one.names, other.names))


def _left(coming: Said | None, known: Said | None) -> Said | None:
    """What is still to come."""
    return None if coming is None or (known is not None and known.at >= coming.at) else coming


def _common(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The groups that are on both lists; everyone is on a list with everyone."""
    if EVERYONE in some or EVERYONE in others:
        wider, narrower = (some, others) if EVERYONE in some else (others, some)
        return (
            tuple(narrower)
            if EVERYONE not in narrower
            else tuple(dict.fromkeys((*wider, *narrower)))
        )
    return tuple(name for name in some if name in others)


def _all(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The classes of both."""
    return tuple(dict.fromkeys((*some, *others)))


def _latest(one: Said | None, other: Said | None) -> Said | None:
    if one is None or other is None:
        return one or other
    return one if one.after(other) else other


def _said(kept: Any) -> Said | None:
    return None if kept is None else Said(kept[0], kept[1], tuple(kept[2]), kept[3])
