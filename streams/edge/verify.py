"""`millrace index verify`: each store held against the log, and mended through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.events import DocumentChanged, DocumentVersion
from schemas.topics import document_key
from streams.edge.concerned import HashOf, Plan
from streams.edge.reindex import Reindexer, Report
from streams.edge.verified import (
    Cut,
    Expected,
    Findings,
    Key,
    Stamp,
    acknowledged,
    compare,
    expected,
    settled,
)
from streams.runtime.record import now_ms

Stores = Iterable[tuple[str, Iterable[Mapping[str, Any]]]]


@dataclass(slots=True)
class Verified:
    """What was found in all stores."""

    documents: int  # that the log has and that are not deleted
    waiting: int  # whose newest version is not through: on its way, or rejected
    stores: list[Findings]
    wanted: dict[Key, Expected] = field(repr=False, default_factory=dict[Key, Expected])

    @property
    def concerned(self) -> set[Key]:
        """Documents that are not in every store as they should be."""
        return {key for each in self.stores for key in each.concerned}


def verify(log: Reindexer, stores: Callable[[], Stores], cut: Cut, tenant: str = "") -> Verified:
    """Hold each store against the log; documents that change meanwhile are left out."""
    wanted = expected(log.changes(), cut, tenant)
    done = settled(wanted, acknowledged(log.acknowledged()))
    found = [compare(name, chunks, wanted, done) for name, chunks in stores()]
    moved = {
        key
        for key, stamp in acknowledged(log.acknowledged()).items()
        if key not in wanted or stamp > wanted[key].stamp
    }
    # A new document is in a store before it is acknowledged, and in the log before that.
    unknown = {key for each in found for key in each.unknown}
    moved |= {
        key
        for change in (log.changes(unknown) if unknown else ())
        if change.document.op != "access" and (key := document_key(change.document)) in unknown
    }
    for each in found:
        each.forget(moved)
    documents = sum(not each.deleted for each in wanted.values())
    return Verified(documents, len(wanted) - len(done), found, wanted)


def repair(
    log: Reindexer,
    found: Verified,
    hash_of: HashOf,
    on_progress: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Send what is concerned through the pipeline again, whose fences let nothing older win.

    Raises:
        UserError: nothing moves.
    """
    wanted = found.wanted
    known = {key: wanted[key].stamp for key in found.concerned if key in wanted}
    gone = {key for key in known if wanted[key].deleted}
    unknown = [*_unknown(found)]
    return log.run(
        Plan(found.documents, known),
        hash_of,
        gone=gone,
        beside=unknown,
        access=True,
        on_progress=on_progress,
    )


def _unknown(found: Verified) -> Iterator[DocumentChanged]:
    """Deletes of what no change in the log is about; their generation makes them the newest."""
    stamps: dict[Key, Stamp] = {}
    for each in found.stores:
        for key, stamp in each.unknown.items():
            stamps[key] = max(stamp, stamps.get(key, stamp))
    for key, (version, sequence) in sorted(stamps.items()):
        tenant, _, doc_id = key.partition("/")
        document = DocumentVersion(
            op="delete",
            tenant=tenant,
            doc_id=doc_id,
            version=version,
            sequence=sequence,
            doc_type="text",
            title="",
            uri="",
            metadata={},
            changed_at=now_ms(),
            fed_at=now_ms(),
        )
        yield DocumentChanged(document=document, body="")
