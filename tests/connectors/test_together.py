"""Two stores behind one index: cut short anywhere between them, they end in agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from processors.ports import Document, Rewritten
from processors.questions.retrieve import Searched, search
from streams.flow.errors import Retry
from tests.support.index_events import (
    SIZE,
    SUPERSEDED,
    apply,
    ask,
    change,
    chunk_id,
    delete,
    part,
    texts,
)
from tests.support.qdrant import collection


class Failing:
    """A store whose writes fail when told to, before or after they are done."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.before = self.after = self.away = False

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        if self.before:
            raise Retry("cut short before it was written")
        self._store.write(changes)
        if self.after:
            raise Retry("cut short after it was written")

    def __getattr__(self, name: str) -> Any:
        if self.away and name in ("nearest", "matching", "fetch", "lexicon"):
            raise Retry("it is away")
        return getattr(self._store, name)


class Pair:
    """Two stores that fail when told to, as one index."""

    def __init__(self, dense: Any, lexical: Any) -> None:
        self.dense, self.lexical = Failing(dense), Failing(lexical)
        self.index = Together(self.dense, self.lexical, keeper=dense)  # type: ignore[arg-type]

    def texts(self) -> list[list[str]]:
        return [texts(store) for store in (self.dense, self.lexical)]  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "edge and qdrant"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    if request.param == "memory":
        yield Pair(MemoryIndex("v1", SIZE), MemoryIndex("v1", SIZE))
        return
    with ExitStack() as stack:
        edge = stack.enter_context(EdgeIndex(tmp_path / "index", "v1", SIZE))
        yield Pair(edge, stack.enter_context(collection(SIZE)))


@pytest.mark.parametrize("which", ["dense", "lexical"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_cut_short_between_the_two_is_done_when_it_comes_again(
    pair: Pair, which: str, when: str
) -> None:
    apply(pair.index, [change("a", 1, ("one", "two", "three")), change("b", 1, ("other",))])
    batch = [change("a", 2, ("uno",)), delete("b", 2), change("c", 1, ("new",))]
    store = getattr(pair, which)
    setattr(store, when, True)
    with pytest.raises(Retry, match="cut short"):
        apply(pair.index, batch)
    with pytest.raises(Retry, match="cut short"):
        apply(pair.index, batch)
    setattr(store, when, False)
    apply(pair.index, batch)
    assert pair.texts() == [["new", "uno"]] * 2


def test_parts_that_are_cut_short_are_whole_in_both(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("one", "two"), of=2)])
    apply(pair.index, [part("a", 2, 0, 2, "uno")])
    pair.dense.before = True  # it is written second
    with pytest.raises(Retry):
        apply(pair.index, [part("a", 2, 1, 2, "dos")])
    pair.dense.before = False
    (done,) = apply(pair.index, [part("a", 2, 1, 2, "dos")])
    assert done.complete and not done.missing
    assert pair.texts() == [["dos", "uno"]] * 2


def test_a_store_that_is_ahead_is_not_taken_back(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("one",))])
    pair.dense.before = True
    with pytest.raises(Retry):
        apply(pair.index, [change("a", 5, ("five",))])
    pair.dense.before = False
    apply(pair.index, [change("a", 3, ("three",))])  # of the bulk lane, say
    assert pair.texts() == [["three"], ["five"]]
    apply(pair.index, [change("a", 5, ("five",))])  # which was not acknowledged
    assert pair.texts() == [["five"], ["five"]]
    assert apply(pair.index, [change("a", 4, ("four",))]) == [SUPERSEDED]


def test_who_may_not_see_it_any_more_does_not_see_what_one_store_is_ahead_with(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("one",))])
    pair.dense.before = True
    with pytest.raises(Retry):
        apply(pair.index, [change("a", 5, ("five",))])  # and then it was set aside
    pair.dense.before = False
    closed = change("a", 6, op="access")
    said = replace(closed.document, acl=["board"], fed_at=6)
    apply(pair.index, [replace(closed, document=said)])
    assert pair.texts() == [["one"], ["five"]]
    for store in pair.index.stores:
        assert [[*each.acl] for each in store.scan("acme")] == [["board"]]
    apply(pair.index, [change("a", 5, ("five",))])
    for store in pair.index.stores:
        assert [(each.text, [*each.acl]) for each in store.scan("acme")] == [("five", ["board"])]


def test_a_store_that_lost_everything_is_filled_and_what_went_meanwhile_goes(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("one", "two", "three"))])
    fresh = Together(MemoryIndex("v1", SIZE), pair.lexical, keeper=pair.lexical)  # type: ignore[arg-type]
    apply(fresh, [change("a", 2, ("uno",))])
    assert texts(fresh.stores[0]) == texts(fresh.stores[1]) == ["uno"]  # type: ignore[arg-type]


def test_what_is_deleted_stays_so_where_a_store_lost_everything(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("one",))])
    apply(pair.index, [delete("a", 5)])
    fresh = Together(MemoryIndex("v1", SIZE), pair.lexical, keeper=pair.lexical)  # type: ignore[arg-type]
    assert apply(fresh, [change("a", 3, ("three",))]) == [SUPERSEDED]  # a dead letter, replayed
    apply(fresh, [change("a", 6, ("six",))])
    assert texts(fresh.stores[0]) == texts(fresh.stores[1]) == ["six"]  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["dense", "lexical"])
def test_while_one_is_away_the_other_answers_with_its_own_chunks(pair: Pair, which: str) -> None:
    apply(pair.index, [change("a", 1, ("the cat sat",)), change("b", 1, ("a dog ran",))])
    getattr(pair, which).away = True
    result = ask(pair.index, "the cat sat")
    assert bool(result.dense) == (which == "lexical")
    assert bool(result.lexical) == (which == "dense")
    best = (result.dense or result.lexical)[0].chunk_ids[0]
    assert pair.index.fetch("acme", [best])[best].text == "the cat sat"
    pair.dense.away = pair.lexical.away = True
    with pytest.raises(Retry):
        pair.index.fetch("acme", [chunk_id("a", 0)])
    nothing = search([], Searched(pair.index, pair.index, pair.index))
    assert nothing == []


def test_both_are_asked_for_their_rankings_at_once(pair: Pair) -> None:
    apply(pair.index, [change("a", 1, ("the cat sat",))])
    both = Barrier(2, timeout=30)
    for store, name in ((pair.dense, "nearest"), (pair.lexical, "matching")):
        own = getattr(store, name)

        def meeting(queries: Any, own: Any = own) -> Any:
            both.wait()  # breaks where nobody else comes
            return own(queries)

        setattr(store, name, meeting)
    result = ask(pair.index, "the cat sat")
    assert result.dense[0].chunk_ids == result.lexical[0].chunk_ids == [chunk_id("a", 0)]
