"""A source that is followed, put together: what it holds becomes documents to feed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from connectors.converters.documents import Documents
from connectors.converters.port import ConvertSettings
from connectors.converters.sources import LINES, Skipped, Told, document_of
from connectors.sources.port import BucketSettings, source
from processors.documents.kinds import kind_of, why_unsupported
from processors.documents.sources import (
    Item,
    Listing,
    NoNotice,
    Source,
    Telling,
    Unread,
    difference,
)
from schemas.events import DocumentFed
from streams.app.settings import Settings
from streams.flow.errors import UserError

__all__ = [
    "Followed",
    "Known",
    "NoNotice",
    "Skipped",
    "Step",
    "Telling",
    "Told",
    "Turn",
    "followed",
]

HALF = 0.5


class Known(NamedTuple):
    """What is remembered of a document: who fed it, what of, and when."""

    source: str
    mark: str  # empty: its source holds it no more
    fed_at: int


class Turn(NamedTuple):
    """A document to feed, an upsert or a delete, and the mark to remember with it."""

    document: DocumentFed
    mark: str


Step = Turn | Skipped | Told


@dataclass(slots=True)
class Followed:
    """A source and what is made of it; documents of one tenant, their ids under `prefix`."""

    source: Source
    converter: Documents
    tenant: str
    prefix: str = ""
    most_removed: float = HALF
    # Marks of what could not be fed: it is tried again once it changes, or after a restart.
    _left: dict[str, str] = field(default_factory=dict[str, str])

    def telling(self) -> Telling:
        """The source as one that tells of its changes.

        Raises:
            UserError: it does not.
        """
        if isinstance(self.source, Telling):
            return self.source
        raise UserError(f"{self.source.name} sends no notices, a bucket does: leave --events out")

    def changes(
        self, known: Mapping[str, Known], names: Collection[str] | None = None
    ) -> Iterator[Step]:
        """What is to be fed for the index to be as the source: of these names, or of all.

        `known` is what is remembered of this tenant's documents, by id. New ones come before those
        that go, so that what was renamed is somewhere all the time.

        Raises:
            UserError: the source cannot be looked at; nothing was taken for removed.
        """
        listing = self.source.listing() if names is None else self.telling().of(names)
        own = {
            doc_id: each.mark
            for doc_id, each in known.items()
            if each.source == self.source.name and each.mark
        }
        if names is not None:
            asked = {self.prefix + name for name in names}
            own = {doc_id: mark for doc_id, mark in own.items() if doc_id in asked}
        found = Listing(
            {self.prefix + name: item for name, item in listing.items.items()},
            {self.prefix + name if name else "": why for name, why in listing.unseen.items()},
        )
        for name, why in {**listing.left, **listing.unseen}.items():
            if self._once(self.prefix + name, why):
                outcome = "left" if name in listing.left else "unseen"
                yield Skipped(_printable(self.prefix + name), why, outcome)
        if names is None and not own and not found.items and self._once("", "empty"):
            yield Skipped(self.source.name, "holds nothing that could be fed", "empty")
        # One name is taken at its word where the store was asked for just that.
        most = self.most_removed if names is None else 1.0
        what = difference(found, own, most)
        for doc_id in what.new:
            yield from self._new(doc_id, found.items[doc_id], known)
        if what.withheld:
            if self._once("", "withheld"):
                yield Skipped(
                    self.source.name,
                    f"{what.withheld}: nothing is removed. If that is meant, run `millrace follow` "
                    "with --once --most-removed 1",
                    "withheld",
                )
            return
        if found.items:
            self._left.pop("", None)
        for doc_id in what.gone:
            self._left.pop(doc_id, None)
            yield self._gone(doc_id)

    def _new(self, doc_id: str, item: Item, known: Mapping[str, Known]) -> Iterator[Step]:
        before = known.get(doc_id)
        other = before is not None and before.mark and before.source != self.source.name
        why = _unfit(doc_id, item, self.converter.limits.max_bytes)
        if before is not None and other:
            why = f"is fed by {before.source} already: give this source a --prefix of its own"
        elif doc_id != doc_id.encode("utf-8", "replace").decode():
            why = "its name is not UTF-8: rename it"
        if why:
            if self._once(doc_id, f"{item.mark} {why}"):
                yield Skipped(_printable(doc_id), why, "left")
            return
        if self._left.get(doc_id) == item.mark:
            return
        try:
            content = self.source.read(doc_id.removeprefix(self.prefix))
        except Unread as error:
            if self._once(doc_id, f"{item.mark} {error}"):
                yield Skipped(doc_id, str(error), "unreadable")
            return
        name = doc_id.rpartition("/")[2]
        at = content.changed_at
        made = document_of(doc_id, name, content.data, at, self.tenant, self.converter)
        if isinstance(made, Skipped):
            self._left[doc_id] = content.mark
            yield made
            if made.outcome == "draft" and before is not None and before.mark:
                yield self._gone(doc_id)  # it was published, and is withdrawn
            return
        self._left.pop(doc_id, None)
        metadata = dict(content.metadata) | dict(made.metadata)
        document = replace(made, uri=content.uri, metadata=metadata)
        yield Turn(document, content.mark)

    def _gone(self, doc_id: str) -> Turn:
        return Turn(DocumentFed(op="delete", tenant=self.tenant, doc_id=doc_id), "")

    def _once(self, doc_id: str, why: str) -> bool:
        """Whether this was not said yet."""
        said = self._left.get(doc_id) != why
        self._left[doc_id] = why
        return said


def _unfit(doc_id: str, item: Item, max_bytes: int) -> str:
    if doc_id.lower().endswith(LINES):
        return "holds lines of documents, not one: `millrace feed` takes those in"
    if kind_of(doc_id) is None:
        return why_unsupported(doc_id)
    if item.size > max_bytes:
        return f"has {item.size:,} bytes; at most {max_bytes:,}"
    return ""


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


@contextmanager
def followed(
    settings: Settings,
    where: str,
    tenant: str,
    *,
    name: str = "",
    prefix: str = "",
    most_removed: float = HALF,
) -> Generator[Followed]:
    """A folder, `git+URL#REFERENCE` or `s3://BUCKET/PREFIX`, ready to be looked at.

    Raises:
        UserError: it is none of these.
    """
    opened = source(where, settings.of(BucketSettings), settings.data, name)
    with Documents(settings.of(ConvertSettings).limits) as converter:
        yield Followed(opened, converter, tenant, prefix, most_removed)
