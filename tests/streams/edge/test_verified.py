"""What `index verify` finds, given a log and what a store holds."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from schemas import topics
from schemas.events import DocumentChanged, DocumentIndexed
from streams.edge.reindex import Reindexer
from streams.edge.verified import Findings, acknowledged, compare, expected, settled
from streams.edge.verify import Stores, verify
from tests.support.index_events import document


def changed(doc_id: str, version: int, body: str, *, op: str = "upsert") -> DocumentChanged:
    return DocumentChanged(document=document(doc_id, version=version, sequence=0, op=op), body=body)


def cut(change: DocumentChanged) -> Mapping[str, str]:
    """A chunk a line."""
    doc_id = change.document.doc_id
    return {f"{doc_id}-{n}": text for n, text in enumerate(change.body.splitlines())}


def stored(doc_id: str, version: int, *texts: str) -> list[dict[str, Any]]:
    return [
        {
            "tenant": "acme",
            "doc_id": doc_id,
            "doc_version": version,
            "doc_sequence": 0,
            "chunk_id": f"{doc_id}-{n}",
            "text": text,
        }
        for n, text in enumerate(texts)
    ]


def done(change: DocumentChanged) -> DocumentIndexed:
    return DocumentIndexed(
        document=change.document,
        chunking="c1",
        superseded=False,
        chunk_ids=[],
        removed=0,
        last=True,
        chunks=0,
        indexed_at=1,
    )


def found(log: Sequence[DocumentChanged], there: Sequence[dict[str, Any]]) -> Findings:
    wanted = expected(log, cut)
    return compare("store", there, wanted, settled(wanted, acknowledged(map(done, log))))


LOG = [changed("a", 1, "old\nolder\noldest"), changed("a", 2, "new\nnewer"), changed("b", 1, "b")]


def test_a_store_that_is_what_the_log_says_is_found_so() -> None:
    right = found(LOG, [*stored("a", 2, "new", "newer"), *stored("b", 1, "b")])
    assert (right.chunks, right.concerned) == (3, set())


def test_what_is_missing_extra_and_stale_is_told_apart() -> None:
    other = found(LOG, stored("a", 2, "new", "not so", "one more"))
    assert other.missing == {"acme/b": 1}
    assert other.extra == {"acme/a": 1}
    assert other.stale == {"acme/a": 1}


def test_chunks_of_a_former_version_are_stale_whatever_they_say() -> None:
    assert found(LOG, [*stored("a", 1, "new", "newer"), *stored("b", 1, "b")]).stale == {
        "acme/a": 2
    }


def test_what_is_deleted_or_unknown_should_not_be_there() -> None:
    log = [*LOG, changed("b", 2, "", op="delete")]
    there = [*stored("a", 2, "new", "newer"), *stored("b", 1, "b"), *stored("c", 7, "c", "d")]
    other = found(log, there)
    assert other.extra == {"acme/b": 1, "acme/c": 2}
    assert other.unknown == {"acme/c": (7, 0)}


def test_what_is_on_its_way_is_left_alone() -> None:
    wanted = expected(LOG, cut)
    acks = acknowledged([done(LOG[0])])  # of a, the former version alone; of b nothing
    assert settled(wanted, acks) == set()
    assert compare("store", stored("a", 1, "old"), wanted, set()).concerned == set()


def test_one_tenant_alone_can_be_asked_about() -> None:
    other = DocumentChanged(document=document("a", tenant="b"), body="text")
    assert expected([*LOG, other], cut, "b").keys() == {"b/a"}


def test_who_may_see_a_document_is_no_version_of_it() -> None:
    log = [*LOG, changed("a", 9, "", op="access")]
    done_with = acknowledged(map(done, LOG))  # of access is told beside the document's own key
    wanted = expected(log, cut)
    assert settled(wanted, done_with) == {"acme/a", "acme/b"}
    assert compare("store", stored("b", 1, "b"), wanted, {"acme/a"}).missing == {"acme/a": 2}


class Log:
    """What is asked of a `Reindexer`; `came` is fed while the stores are looked through."""

    def __init__(self, there: Sequence[DocumentChanged], came: Sequence[DocumentChanged]) -> None:
        self._there = [*there]
        self._came = came

    def stores(self, chunks: Sequence[dict[str, Any]]) -> Stores:
        self._there += self._came
        return [("store", chunks)]

    def changes(self, wanted: Container[str] | None = None) -> Iterator[DocumentChanged]:
        for change in [*self._there]:
            if wanted is None or topics.document_key(change.document) in wanted:
                yield change

    def acknowledged(self) -> Iterator[DocumentIndexed]:
        return (done(change) for change in LOG)


def test_what_is_fed_meanwhile_is_not_taken_for_what_the_log_does_not_know() -> None:
    there = [*stored("a", 2, "new", "newer"), *stored("b", 1, "b"), *stored("c", 7, "first part")]
    for came, unknown in (([changed("c", 7, "first part")], {}), ([], {"acme/c": (7, 0)})):
        log = Log(LOG, came)
        seen = verify(cast("Reindexer", log), partial(log.stores, there), cut)
        assert seen.stores[0].unknown == unknown
        assert seen.concerned == {*unknown}
