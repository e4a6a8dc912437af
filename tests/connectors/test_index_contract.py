"""What every index promises; `EdgeIndex` and `MemoryIndex` are held to the same words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from processors.documents.applying import Applied
from processors.documents.index import index as index_stage
from processors.guard.sight import UNLABELLED
from processors.ports import SearchQuery, StoredChunk
from processors.questions.retrieve import search
from schemas.events import DocumentEmbedded
from streams.flow.errors import Reject, Retry
from tests.support.index_events import (
    DONE,
    SUPERSEDED,
    Index,
    apply,
    ask,
    change,
    chunk_id,
    delete,
    lexical,
    searched,
    texts,
    vector,
)

PENDING = Applied(superseded=False, removed=0, complete=False)


def index_documents(index: Index, events: Sequence[DocumentEmbedded]) -> list[Any]:
    return partial(index_stage, store=index, now=lambda: 1)(events)


def test_an_empty_index_finds_nothing(index: Index) -> None:
    result = ask(index, "anything", "at all")
    assert [r.chunk_ids for r in result.dense + result.lexical] == [[], [], [], []]
    assert index.fetch("acme", [chunk_id("a", 0)]) == {}
    assert [*index.scan()] == []
    assert apply(index, []) == []
    assert index.nearest([]) == index.matching([]) == []
    assert index.version == "v1"


def test_a_new_document_is_found_by_both_indexes_and_comes_back_whole(index: Index) -> None:
    event = change("a", 3, ("the cat sat", "a dog ran"), title="Pets", heading="1 > 2")
    assert apply(index, [event]) == [DONE]
    result = ask(index, "the cat sat")
    assert result.dense[0].chunk_ids[0] == result.lexical[0].chunk_ids[0] == chunk_id("a", 0)
    assert result.dense[0].scores[0] == pytest.approx(1, abs=0.002)
    assert result.dense[0].scores == sorted(result.dense[0].scores, reverse=True)
    stored = index.fetch("acme", [chunk_id("a", 1)])[chunk_id("a", 1)]
    expected = StoredChunk(
        tenant="acme",
        chunk_id=chunk_id("a", 1),
        doc_id="a",
        doc_version=3,
        ordinal=1,
        title="Pets",
        heading="1 > 2",
        uri="file:a",
        text="a dog ran",
        chunking="c1",
        changed_at=1_700_000_000_003,
        sentences=[0, 1, 1, 9],
        vector=stored.vector,
        sentence_vectors=stored.sentence_vectors,
        classes=["unclassified"],
        acl=["*"],
    )
    assert repr(stored) == repr(expected)  # from 3.13 on, `==` would ask arrays for one truth
    assert (stored.vector == vector("a dog ran")).all()
    assert (stored.sentence_vectors[1] == vector("a dog ran/2")).all()
    assert stored.sentence_vectors.dtype == np.float16


def test_title_and_heading_are_found_by_their_words(index: Index) -> None:
    apply(index, [change("a", 1, ("first",), title="Liquidity", heading="Chapter > Buffers")])
    apply(index, [change("b", 1, ("second",))])
    assert lexical(index, "liquidity") == ["first"]
    assert lexical(index, "buffer") == ["first"]


def test_an_update_replaces_and_a_shorter_version_removes_the_rest(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two", "three"))])
    apply(index, [change("b", 1, ("other",))])
    assert apply(index, [change("a", 2, ("uno",))]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["other", "uno"]
    assert lexical(index, "two") == []
    found = index.fetch("acme", [chunk_id("a", 0), chunk_id("a", 2)])
    assert [chunk.doc_version for chunk in found.values()] == [2]


def test_a_version_without_chunks_removes_all(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two"))])
    assert apply(index, [change("a", 2)]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == []


def test_a_deleted_document_is_gone_from_both_indexes(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two")), change("b", 1, ("one more",))])
    assert apply(index, [delete("a", 2)]) == [Applied(superseded=False, removed=2)]
    assert lexical(index, "one") == ["one more"]
    assert ask(index, "one").dense[0].chunk_ids == [chunk_id("b", 0)]
    assert apply(index, [delete("a", 2)]) == [DONE]
    assert apply(index, [delete("never-there", 1)]) == [DONE]


def test_a_deletion_is_remembered_against_an_older_upsert(index: Index) -> None:
    apply(index, [change("a", 1, ("one",)), delete("a", 2)])
    assert apply(index, [change("a", 1, ("one",))]) == [SUPERSEDED]
    apply(index, [delete("b", 5)])
    assert apply(index, [change("b", 4, ("late",))]) == [SUPERSEDED]
    assert texts(index) == []


def test_a_deleted_document_can_come_back_newer(index: Index) -> None:
    apply(index, [change("a", 1, ("one",)), delete("a", 2)])
    assert apply(index, [change("a", 3, ("again",))]) == [DONE]
    assert texts(index) == ["again"]


def test_an_older_version_never_replaces_a_newer_one(index: Index) -> None:
    apply(index, [change("a", 5, ("new",))])
    assert apply(index, [change("a", 4, ("old", "older"))]) == [SUPERSEDED]
    assert apply(index, [delete("a", 4)]) == [SUPERSEDED]
    assert texts(index) == ["new"]


def test_the_sequence_orders_changes_of_one_version(index: Index) -> None:
    apply(index, [change("a", 1, ("first",), sequence=10)])
    apply(index, [change("a", 1, ("second",), sequence=11)])
    assert apply(index, [change("a", 1, ("first",), sequence=10)]) == [SUPERSEDED]
    assert apply(index, [change("a", 2, ("third",), sequence=1)]) == [DONE]
    assert texts(index) == ["third"]


def test_versions_and_sequences_of_63_bits_keep_their_order(index: Index) -> None:
    big = 2**63 - 2
    apply(index, [change("a", big, ("old",), sequence=big)])
    assert apply(index, [change("a", big, ("new",), sequence=big + 1)]) == [DONE]
    assert apply(index, [change("a", big, ("old",), sequence=big)]) == [SUPERSEDED]
    assert texts(index) == ["new"]


def test_a_redelivered_change_is_applied_again_without_harm(index: Index) -> None:
    event = change("a", 1, ("one", "two"))
    assert apply(index, [event]) == apply(index, [event]) == apply(index, [event, event])[:1]
    assert texts(index) == ["one", "two"]


def test_several_changes_of_one_document_in_a_batch_act_in_order(index: Index) -> None:
    applied = apply(
        index,
        [
            change("a", 1, ("one", "two", "three")),
            change("b", 1, ("other",)),
            change("a", 2, ("uno", "dos")),
            change("a", 1, ("one",)),
            delete("a", 3),
            change("a", 4, ("eins",)),
        ],
    )
    assert applied == [
        DONE,
        DONE,
        Applied(superseded=False, removed=1),
        SUPERSEDED,
        Applied(superseded=False, removed=2),
        DONE,
    ]
    assert texts(index) == ["eins", "other"]


def test_a_version_in_several_records_loses_the_old_chunks_with_the_last(index: Index) -> None:
    apply(index, [change("a", 1, ("1.0", "1.1", "1.2", "1.3", "1.4"))])
    first = change("a", 2, ("2.0", "2.1"), last=False)
    second = change("a", 2, ("2.2",), first=2)
    assert apply(index, [first]) == [PENDING]
    assert texts(index) == ["1.2", "1.3", "1.4", "2.0", "2.1"]
    assert apply(index, [second]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["2.0", "2.1", "2.2"]
    assert apply(index, [first, second]) == [PENDING, DONE]
    assert texts(index) == ["2.0", "2.1", "2.2"]


def test_an_older_version_redelivered_halfway_takes_nothing_away(index: Index) -> None:
    old = change("a", 1, ("1.0", "1.1", "1.2"))
    apply(index, [old])
    apply(index, [change("a", 2, ("2.0",), last=False)])
    assert apply(index, [old, delete("a", 1)]) == [SUPERSEDED, SUPERSEDED]
    assert texts(index) == ["1.1", "1.2", "2.0"]
    removed = apply(index, [change("a", 2, ("2.1",), first=1)])
    assert removed == [Applied(superseded=False, removed=1)]


def _fed_at(event: DocumentEmbedded, at: int) -> DocumentEmbedded:
    return replace(event, document=replace(event.document, fed_at=at))


@pytest.mark.parametrize(
    ("former", "later"), [(7_000, 3), (1 << 50, 9_000), (1_700_000_000_000, 1_700_000_009)]
)
def test_a_later_change_that_only_counts_otherwise_is_rejected_by_name(
    index: Index, former: int, later: int
) -> None:
    """One of the two has a version, the other counts by its time."""
    first = _fed_at(change("a", former, ("one",)), 7_000)
    second = _fed_at(change("a", later, ("two",)), 9_000)
    index_documents(index, [first])
    (told,) = index_documents(index, [second])
    assert isinstance(told, Reject)
    assert "version" in str(told) and "docs.feed" in str(told)
    assert texts(index) == ["one"]
    (again,) = index_documents(index, [replace(first)])  # nothing was lost by it
    assert not isinstance(again, Reject | Retry)


def test_versions_among_themselves_and_times_among_themselves_are_superseded(index: Index) -> None:
    for former, later in ((5, 3), (7_000, 6_000)):
        apply(index, [_fed_at(change("a", former, ("one",)), 7_000)])
        old = _fed_at(change("a", later, ("two",)), 9_000 if later == 3 else 6_000)
        assert apply(index, [old]) == [SUPERSEDED]


def test_a_replay_cut_otherwise_leaves_no_chunk_of_the_old_cut(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two", "three"), chunking="small")])
    applied = apply(index, [change("a", 1, ("one two three",), chunking="large")])
    assert applied == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["one two three"]


def test_no_tenant_sees_another(index: Index) -> None:
    apply(index, [change("a", 1, ("shared words",)), change("a", 9, ("shared words",), tenant="b")])
    for tenant in ("acme", "b"):
        result = ask(index, "shared words", tenant=tenant)
        own = [chunk_id("a", 0, tenant)]
        assert result.dense[0].chunk_ids == result.lexical[0].chunk_ids == own
    both = [chunk_id("a", 0), chunk_id("a", 0, "b")]
    assert [*index.fetch("b", both)] == both[1:]
    assert {c.tenant for c in index.scan("b")} == {"b"}
    assert len([*index.scan()]) == 2
    apply(index, [delete("a", 10, tenant="b")])
    assert texts(index) == ["shared words"]


def test_tenants_and_documents_that_join_to_one_string_stay_apart(index: Index) -> None:
    apply(index, [change("b/c", 1, ("x",), tenant="a"), change("c", 5, ("y",), tenant="a/b")])
    assert apply(index, [change("b/c", 2, ("z",), tenant="a")]) == [DONE]
    assert (texts(index, "a"), texts(index, "a/b")) == (["z"], ["y"])


def test_rarity_is_counted_within_the_tenant(index: Index) -> None:
    apply(index, [change(f"a{i}", 1, (f"common thing {i}",)) for i in range(5)])
    before = ask(index, "common").lexical[0].scores
    apply(index, [change(f"b{i}", 1, ("other text",), tenant="b") for i in range(50)])
    assert ask(index, "common").lexical[0].scores == pytest.approx(before)


def test_filters_hold_in_both_indexes(index: Index) -> None:
    apply(
        index,
        [
            change("a", 1, ("rate card",), metadata={"lang": "en", "team.name": 'x "y" [z]'}),
            change("b", 1, ("rate card",), metadata={"lang": "de"}),
            change("c", 1, ("rate card",)),
        ],
    )
    for filters, expected in (
        ({"lang": "en"}, ["a"]),
        ({"team.name": 'x "y" [z]'}, ["a"]),
        ({"lang": "de", "team.name": "x"}, []),
        ({"lan": "gen"}, []),
        ({}, ["a", "b", "c"]),
    ):
        result = ask(index, "rate card", **filters)
        wanted = {chunk_id(doc_id, 0) for doc_id in expected}
        assert set(result.dense[0].chunk_ids) == set(result.lexical[0].chunk_ids) == wanted
    apply(index, [change("a", 2, ("rate card",), metadata={"lang": "fr"})])
    assert ask(index, "rate card", lang="en").dense[0].chunk_ids == []


def test_variants_and_questions_are_answered_in_their_order(index: Index) -> None:
    words = ("alpha", "beta", "gamma", "delta")
    apply(index, [change(word, 1, (word,)) for word in words])
    apply(index, [change("alpha", 1, ("alpha",), tenant="b")])
    queries = [
        SearchQuery(
            "acme",
            pair,
            np.stack([vector(w) for w in pair]).astype(np.float32),
            1,
            UNLABELLED.access,
        )
        for pair in (("beta", "alpha"), ("delta", "gamma"))
    ]
    first, second = search(queries, searched(index))
    for result, pair in ((first, ("beta", "alpha")), (second, ("delta", "gamma"))):
        expected = [[chunk_id(word, 0)] for word in pair]
        assert [r.chunk_ids for r in result.dense] == expected
        assert [r.chunk_ids for r in result.lexical] == expected


@pytest.mark.parametrize("identifier", ["POL-CARD-014", "8.2.1", "AC-2(3)", "108R00645", "a_7/B"])
def test_an_identifier_is_found_before_its_neighbours(index: Index, identifier: str) -> None:
    near = ["POL-CARD-041", "014 POL 14 CARD", "8.2", "2.8.1", "1.8.2 8 2 1", "AC-3(2)", "AC-2"]
    near += ["ac 2 3 2 3", "108R00646", "a 7 b 7 a", "B/7_a"]
    apply(index, [change("right", 1, (f"See {identifier}.",))])
    apply(index, [change(text, 1, (text,)) for text in near])
    assert lexical(index, f"What does {identifier.lower()} say?")[0] == f"See {identifier}."


def test_words_are_stemmed_and_stop_words_find_nothing(index: Index) -> None:
    apply(index, [change("a", 1, ("The banks were lending.",))])
    assert lexical(index, "lend to a bank") == ["The banks were lending."]
    for empty in ("the of and", "", "?!"):
        assert lexical(index, empty) == []


@pytest.mark.parametrize("word", ["Überweisung", "日本語", "плата", "🏦", "naïve\x00null", "ﬁn"])
def test_any_text_comes_back_as_it_went_in(index: Index, word: str) -> None:
    text = f"{word} \u2028 end"
    apply(index, [change(word, 1, (text,), tenant=f"t {word}", title=word, metadata={word: word})])
    found = ask(index, word, tenant=f"t {word}", **{word: word}).dense[0].chunk_ids
    stored = index.fetch(f"t {word}", found)[found[0]]
    assert (stored.text, stored.title, stored.doc_id) == (text, word, word)


def test_search_goes_on_while_changes_are_applied(index: Index) -> None:
    apply(index, [change("still", 1, ("still here",))])
    stop, errors = threading.Event(), []

    def search() -> None:
        while not stop.is_set():
            try:
                hits = ask(index, "still here", limit=500).dense[0].chunk_ids
                assert chunk_id("still", 0) in hits
                assert chunk_id("still", 0) in index.fetch("acme", hits)
            except BaseException as error:
                errors.append(error)
                return

    def write(name: str) -> None:
        for version in range(1, 15):
            apply(index, [change(f"{name}{n}", version, (f"{version}", "x")) for n in range(5)])
        apply(index, [delete(f"{name}{n}", 99) for n in range(5)])

    readers = [threading.Thread(target=search) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert errors == []
    assert texts(index) == ["still here"]
