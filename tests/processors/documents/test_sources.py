"""What a source holds against what was fed of it."""

from __future__ import annotations

import random

import pytest

from processors.documents.sources import Difference, Item, Listing, difference

HALF = 0.5


def holding(**marks: str) -> Listing:
    return Listing({name: Item(mark) for name, mark in marks.items()})


def many(count: int) -> dict[str, str]:
    return {f"{number:03}.md": f"m{number}" for number in range(count)}


def test_what_is_new_or_changed_is_fed_and_what_went_is_removed() -> None:
    known = {"same": "1", "changed": "1", "gone": "1"}
    assert difference(holding(same="1", changed="2", new="1"), known, HALF) == Difference(
        ["changed", "new"], ["gone"]
    )


def test_what_could_not_be_looked_at_is_not_removed_nor_what_is_below_it() -> None:
    known = {"shut/a": "1", "shut/b/c": "1", "shutter": "1", "file": "1", "here": "1"}
    found = Listing({"here": Item("1")}, {"shut": "why", "file": "why"})
    assert difference(found, known, HALF).gone == ["shutter"]
    assert difference(Listing({}, {"": "why"}), known, 1).gone == []


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_a_source_that_holds_nothing_any_more_loses_nothing_unasked(count: int) -> None:
    what = difference(holding(), many(count), HALF)
    assert what.withheld and len(what.gone) == count
    assert not difference(holding(), many(count), 1).withheld


def test_at_most_the_share_is_lost_at_once_unless_they_are_few() -> None:
    known = many(100)

    def without(gone: int, most_removed: float = HALF) -> str:
        held = {name: Item(mark) for name, mark in [*known.items()][gone:]}
        return difference(Listing(held), known, most_removed).withheld

    assert not without(50)
    assert without(51) == "51 of the 100 documents that were fed from it are not there"
    assert not without(51, 0.51) and not without(10, 0) and without(11, 0)
    assert difference(holding(other="n"), known, HALF).withheld, "a mount point is not empty"
    few = many(12)
    held = {name: Item(mark) for name, mark in [*few.items()][:2]}
    assert not difference(Listing(held), few, HALF).withheld


def test_what_is_there_under_another_name_is_not_lost() -> None:
    moved = {f"new/{name}": Item(f"m{name}") for name in many(100)}
    known = {name: f"m{name}" for name in many(100)}
    what = difference(Listing(moved), known, HALF)
    assert not what.withheld
    assert (len(what.new), len(what.gone)) == (100, 100)


def test_applied_to_what_is_known_a_difference_makes_it_what_is_there() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(200):
        names = [f"{rng.choice('abc')}/{number}" for number in range(8)]
        known = {name: rng.choice("12") for name in names if rng.random() < 0.6}
        there = {name: rng.choice("12") for name in names if rng.random() < 0.6}
        hidden = {"a": "why"} if rng.random() < 0.3 else {}
        shown = {n: m for n, m in there.items() if not (hidden and n.startswith("a/"))}
        what = difference(Listing({n: Item(m) for n, m in shown.items()}, hidden), known, 1)
        after = dict(known) | {name: shown[name] for name in what.new}
        for name in what.gone:
            del after[name]
        kept = {n: m for n, m in known.items() if hidden and n.startswith("a/")}
        assert after == kept | shown
