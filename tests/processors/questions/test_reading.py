"""What is read of questions that wait: passages first, then what would be quoted, by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from processors.ports import Asking, Reading
from processors.questions.generate import AnswerConfig, Lookup
from processors.questions.reading import read
from schemas.events import GenerationRequested
from streams.flow.errors import Retry
from tests.support.question_events import carried
from tests.support.told_reader import ToldReader, candidate

PIER = candidate("The pier opens at 9. Dogs are welcome.", "Pier", heading="Hours")
LOCK = candidate("The lock closes at 21. Boats wait.", "Lock")
OPENS, CLOSES = "When does the pier open?", "When does the lock close?"


def looked_up(*questions: str) -> list[Lookup]:
    events = [
        GenerationRequested(
            carried=carried(question), candidates=[PIER, LOCK], tier="quotes", model="quotes"
        )
        for question in questions
    ]
    return [Lookup(event, AnswerConfig()) for event in events]


def told() -> ToldReader:
    return ToldReader({OPENS: "The pier opens at 9", CLOSES: "The lock closes at 21"})


def test_what_would_be_quoted_is_read_again_by_itself_for_all_questions_at_once() -> None:
    reader, lookups = told(), looked_up(OPENS, CLOSES)
    found = read(lookups, [2, 2], reader)
    passages, alone = reader.read_at_once
    assert [each.question for each in passages] == [OPENS] * 2 + [CLOSES] * 2
    assert alone == [
        Asking(OPENS, "Pier > Hours", "The pier opens at 9."),
        Asking(CLOSES, "Lock", "The lock closes at 21."),
    ]
    assert [len(own) for own in found] == [3, 3]
    assert [lookup.parts[0].units[0].alone for lookup in lookups] == [6.0, 6.0]


def test_nothing_is_read_again_where_nothing_was_read() -> None:
    reader, (lookup,) = told(), looked_up(OPENS)
    assert read([lookup], [0], reader) == [[]]
    assert reader.read_at_once == []
    assert lookup.parts[0].units == []


class _OnlyOnce(ToldReader):
    """Reads once, and then never again."""

    def read(self, askings: Sequence[Asking]) -> list[Reading]:
        if self.read_at_once:
            raise Retry("the reader is away")
        return super().read(askings)


def test_where_the_second_reading_fails_nothing_counts_as_read() -> None:
    (lookup,) = looked_up(OPENS)
    with pytest.raises(Retry):
        read([lookup], [2], _OnlyOnce({OPENS: "The pier opens at 9"}))
    assert lookup.parts[0].units == []
