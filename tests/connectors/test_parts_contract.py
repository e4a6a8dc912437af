"""Documents that come in parts, over every chunk store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.documents import applying
from processors.documents.applying import Applied
from processors.documents.fences import Logged
from schemas.events import DocumentEmbedded
from tests.support.index_events import (
    DONE,
    Index,
    apply,
    change,
    delete,
    part,
    texts,
)

PENDING = Applied(superseded=False, removed=0, complete=False)


def test_a_version_in_parts_replaces_the_former_once_it_is_whole(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two", "three"), of=3)])
    assert apply(index, [part("a", 2, 0, 3, "uno")]) == [PENDING]
    assert apply(index, [part("a", 2, 1, 3)]) == [PENDING]  # of blank text, say
    assert apply(index, [part("a", 2, 2, 3, "tres")]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["tres", "uno"]


def test_a_part_that_never_came_is_named_and_the_former_version_stays(index: Index) -> None:
    apply(index, [change("a", 1, ("one", "two", "three"), of=3)])
    (_, ended) = apply(index, [part("a", 2, 0, 3, "uno"), part("a", 2, 2, 3, "tres")])
    assert ended == Applied(superseded=False, removed=0, complete=False, missing=(1,))
    assert texts(index) == ["three", "tres", "two", "uno"]
    # Whenever it comes, it completes the version.
    late = apply(index, [part("a", 2, 1, 3, "dos")])
    assert late == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["dos", "tres", "uno"]


def test_half_a_part_is_a_missing_part(index: Index) -> None:
    tail = change("a", 1, ("three",), first=2, of=3)
    assert apply(index, [tail]) == [
        Applied(superseded=False, removed=0, complete=False, missing=(0,))
    ]
    head = change("a", 1, ("one", "two"), last=False)
    assert apply(index, [head]) == [DONE]
    assert apply(index, [head, tail]) == [DONE, DONE]  # and again, by redelivery


def test_a_redelivered_end_of_a_whole_version_misses_nothing(index: Index) -> None:
    records = [part("a", 1, n, 3, f"text {n}") for n in range(3)]
    assert apply(index, records) == [PENDING, PENDING, DONE]
    assert apply(index, records[1:]) == [DONE, DONE]


def test_parts_that_were_cut_by_different_policies_are_one_version(index: Index) -> None:
    first = change("a", 1, ("uno",), part=0, parts=2, of=1, last=False, chunking="c1")
    second = change("a", 1, ("dos",), part=1, parts=2, of=1, chunking="c2")
    assert apply(index, [first]) == [PENDING]
    assert apply(index, [second]) == [DONE]
    assert texts(index) == ["dos", "uno"]


def test_what_older_versions_left_in_the_log_is_named_with_some_that_follow(index: Index) -> None:
    applying.apply(index, [part("a", 1, n, 3, f"text {n}") for n in range(3)])
    (shrunk,) = applying.apply(index, [change("a", 2, ("short",), of=1)])
    assert [*shrunk.obsolete] == [Logged(1, 0, 3)]
    (again,) = applying.apply(index, [change("a", 2, ("short",), of=1)])
    assert again.obsolete == shrunk.obsolete  # the first time, we may have been killed right after
    named = [applying.apply(index, [delete("a", v)])[0].obsolete for v in range(3, 7)]
    assert [Logged(1, 0, 3) in each for each in named] == [True, True, False, False]
    assert [Logged(2, 0, 1) in each for each in named] == [True, True, True, False]
    assert applying.apply(index, [delete("b", 3)])[0].obsolete == ()


def test_a_version_in_parts_is_in_use_until_a_newer_one_is_whole(index: Index) -> None:
    applying.apply(index, [part("a", 1, n, 2, f"text {n}") for n in range(2)])
    assert applying.apply(index, [part("a", 2, 0, 2, "uno")])[0].obsolete == ()
    again = change("a", 2, ("uno",), part=0, parts=2, of=1, last=False, generation=5)
    (rechunked, end) = applying.apply(index, [again, part("a", 2, 1, 2, "dos")])
    assert rechunked.obsolete == end.obsolete == ()
    assert end.superseded, "of the generation before"
    assert texts(index) == ["text 1", "uno"]


def test_a_superseded_version_in_parts_is_obsolete_itself(index: Index) -> None:
    applying.apply(index, [change("a", 5, ("new",), of=1)])
    late = [part("a", 4, n, 2, f"old {n}") for n in range(2)]
    assert [each.obsolete for each in applying.apply(index, late)] == [(Logged(4, 0, 2),)] * 2
    assert texts(index) == ["new"]


def superseded(event: DocumentEmbedded) -> DocumentEmbedded:
    """What a stage passes on of a record that it did not work on."""
    return replace(event, chunks=[], document=replace(event.document, superseded=True))


def test_a_version_that_was_superseded_on_its_way_changes_nothing(index: Index) -> None:
    applying.apply(index, [change("a", 1, ("one",))])
    told = applying.apply(index, [superseded(change("a", 2, ("two",)))])
    assert told == [Applied(superseded=True, removed=0, obsolete=(Logged(2, 0, 1),))]
    assert texts(index) == ["one"]
    told = applying.apply(index, [superseded(delete("a", 3)), superseded(change("b", 1))])
    assert [(each.superseded, each.obsolete) for each in told] == [
        (True, (Logged(3, 0, 1),)),
        (True, (Logged(1, 0, 1),)),
    ]
    assert apply(index, [change("b", 1, ("b",))]) == [DONE], "its fence was not moved"


@pytest.mark.parametrize("worked_on", [{0}, {1}, {2}, {0, 2}, {1, 2}, set[int]()])
def test_a_version_of_which_parts_were_superseded_lost_none(
    index: Index, worked_on: set[int]
) -> None:
    records = [part("a", 5, n, 3, f"text {n}") for n in range(3)]
    sent = [each if each.part in worked_on else superseded(each) for each in records]
    first = [applying.apply(index, [each])[0] for each in sent]
    again = applying.apply(index, sent)  # killed before it was told
    for applied in (first, again):
        assert not any(each.missing for each in applied)
        assert applied[-1].superseded
    named = {each for applied in (first, again) for every in applied for each in every.obsolete}
    (newer,) = applying.apply(index, [change("a", 6, ("new",))])
    assert Logged(5, 0, 3) in named | {*newer.obsolete}, "the log forgets it"
    assert texts(index) == ["new"]
