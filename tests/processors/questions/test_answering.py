"""Questions that wait are answered together, and say what was read for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from processors.ports import Asking, Reading
from processors.questions.answering import Extractive
from processors.questions.generate import AnswerConfig
from processors.questions.grounded import Next
from schemas.events import Candidate, GenerationRequested, QuestionAnswered
from streams.flow.errors import Retry
from tests.support.question_events import carried, question
from tests.support.told_reader import ToldReader, candidate

CONFIG = AnswerConfig(at_once=24, reader=ToldReader.model)
NOW = 1_000_000
BAKERY = [
    candidate(f"Loaf number {n} is baked at {n} o'clock.", f"loaf {n}", doc_id=f"{n}.md")
    for n in range(1, 9)
]
ASKED = "When is the loaf with seeds baked?"
SEEDS = candidate("The oven is old. The loaf with seeds is baked at noon.", "seeds")


def event(query: str, *candidates: Candidate, deadline_at: int = NOW + 60_000):
    asked = dataclasses.replace(question(query), deadline_at=deadline_at)
    return GenerationRequested(
        carried=carried(asked), candidates=list(candidates), tier="local", model="extractive"
    )


def answers(
    reader: ToldReader | None, *events: GenerationRequested, config: AnswerConfig = CONFIG
) -> list[QuestionAnswered]:
    made = Extractive(reader, config, lambda: NOW)(events)
    found: list[QuestionAnswered] = []
    for each in made:
        assert isinstance(each, list)
        assert isinstance(each[0], QuestionAnswered)
        found.append(each[0])
    return found


def passages_read(reader: ToldReader) -> list[list[Asking]]:
    """What was read first each time; after it, what would be quoted is read by itself."""
    return reader.read_at_once[::2]


def test_a_question_that_waits_alone_is_answered_by_what_was_read() -> None:
    reader = ToldReader({ASKED: "baked at noon"})
    (made,) = answers(reader, event(ASKED, SEEDS, *BAKERY))
    assert made.answer == "The loaf with seeds is baked at noon."
    assert made.degraded == []
    assert [len(some) for some in passages_read(reader)] == [CONFIG.passages]
    assert reader.read_at_once[0][0].context == "seeds"


def test_of_more_that_wait_than_may_be_read_at_once_one_passage_each_is_read() -> None:
    reader = ToldReader({ASKED: "baked at noon"})
    made = answers(reader, *[event(ASKED, SEEDS, *BAKERY)] * 32)
    assert [len(some) for some in passages_read(reader)] == [32]
    told = f"generate: read 1 passages of {CONFIG.passages}, 32 questions wait"
    assert [each.degraded for each in made] == [[told]] * 32


def test_many_that_wait_are_read_together_fewer_passages_each_and_say_so() -> None:
    reader = ToldReader({ASKED: "baked at noon"})
    made = answers(reader, *[event(ASKED, SEEDS, *BAKERY)] * 8)
    assert [len(some) for some in passages_read(reader)] == [CONFIG.at_once]
    assert {each.answer for each in made} == {"The loaf with seeds is baked at noon."}
    told = f"generate: read 3 passages of {CONFIG.passages}, 8 questions wait"
    assert [each.degraded for each in made] == [[told]] * 8


def test_a_deadline_that_is_near_leaves_fewer_to_read() -> None:
    reader = ToldReader({ASKED: "baked at noon"})
    (made,) = answers(reader, event(ASKED, SEEDS, *BAKERY, deadline_at=NOW + 700))
    assert [len(some) for some in passages_read(reader)] == [2]
    assert made.degraded == ["generate: read 2 passages of 5, the deadline is near"]


def test_a_reader_that_is_slow_is_given_less_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 100))  # a hundred seconds for each reading
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    reader = ToldReader({ASKED: "baked at noon"})
    stage = Extractive(reader, CONFIG, lambda: NOW)
    stage([event(ASKED, SEEDS, *BAKERY)])
    stage([event(ASKED, SEEDS, *BAKERY)])
    first, second = (len(some) for some in passages_read(reader))
    assert first == CONFIG.passages
    assert second < first


def test_many_that_wait_for_a_slow_reader_wait_half_a_second_for_it_and_one_alone_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    reader = ToldReader({ASKED: "baked at noon"})
    read = reader.read

    def slowly(askings: Sequence[Asking]) -> list[Reading]:
        clock[0] += 0.04 * len(askings)
        return read(askings)

    monkeypatch.setattr(reader, "read", slowly)
    stage = Extractive(reader, CONFIG, lambda: NOW)
    asked = event(ASKED, SEEDS, *BAKERY)
    for _ in range(20):
        stage([asked])
    assert {len(some) for some in passages_read(reader)} == {CONFIG.passages}
    for waiting, each in ((2, 5), (3, 3), (5, 2), (32, 1)):
        stage([asked] * waiting)
        assert len(passages_read(reader)[-1]) == waiting * each


def test_one_that_stalled_does_not_end_reading_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 600.0, *map(float, range(600, 700))])  # ten minutes once, then at once
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    reader = ToldReader({ASKED: "baked at noon"})
    stage = Extractive(reader, CONFIG, lambda: NOW)
    asked = event(ASKED, SEEDS, *BAKERY, deadline_at=NOW + 10_000)
    stage([asked])
    stage([asked])
    assert len(passages_read(reader)) == 1  # there was no time for a second
    for _ in range(20):
        stage([asked])
    assert len(passages_read(reader)) > 1


def test_a_deadline_that_is_near_takes_nothing_from_who_waits_beside_it() -> None:
    reader = ToldReader({ASKED: "baked at noon"})
    hasty = event(ASKED, SEEDS, *BAKERY, deadline_at=NOW + 1)
    made, other = answers(reader, hasty, event(ASKED, SEEDS, *BAKERY))
    assert [len(some) for some in passages_read(reader)] == [CONFIG.passages]
    assert made.degraded[0].startswith("generate: nothing was read")
    assert other.degraded == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("no time", "too many questions wait for the time there is"),
        ("weights", "the reader's weights are digest, policies/answering.yaml names another"),
        ("away", "the reader is loading"),
    ],
)
def test_without_reading_words_alone_answer_and_say_why(fault: str, told: str) -> None:
    reader, config, deadline = ToldReader({}), CONFIG, NOW + 60_000
    if fault == "no time":
        deadline = NOW + 10
    elif fault == "weights":
        config = dataclasses.replace(config, reader="another")
    else:
        reader.fail.append(Retry("the reader is loading"))
    asked = event(ASKED, SEEDS, deadline_at=deadline)
    (made,) = answers(reader, asked, config=config)
    assert reader.read_at_once == []
    assert made.status == "answered"
    assert "The loaf with seeds is baked at noon." in made.answer
    assert made.degraded == [f"generate: nothing was read, {told}"]


def test_a_tier_that_reads_nothing_has_nothing_to_tell() -> None:
    config = dataclasses.replace(CONFIG, passages=0)
    (made,) = answers(None, event(ASKED, SEEDS), config=config)
    assert made.status == "answered"
    assert made.degraded == []


def test_each_part_of_a_question_gets_its_own_readings() -> None:
    first, second = "When is the bakery open?", "What does the rye bread cost?"
    reader = ToldReader({first: "from six to noon", second: "costs 4 euros"})
    hours = candidate("The bakery is open from six to noon.", "hours")
    prices = candidate("The rye bread costs 4 euros.", "prices")
    made, other = answers(
        reader, event(f"{first} {second}", hours, prices), event(ASKED, SEEDS, *BAKERY)
    )
    assert "open from six to noon" in made.answer
    assert "costs 4 euros" in made.answer
    assert {asking.question for asking in reader.read_at_once[0]} == {first, second, ASKED}
    assert other.status == "abstained"  # nothing was told of it, and it got no other's readings
    assert other.reasons[0].startswith("evidence ")


def test_what_is_named_and_found_nowhere_is_not_read() -> None:
    reader = ToldReader({})
    asked = "What does the Heron Card cost?"
    (made,) = answers(reader, event(asked, SEEDS))
    assert (made.status, made.answer) == ("abstained", "")
    assert made.reasons == ["nothing found on Heron Card; found: seeds"]
    assert reader.read_at_once == []


def test_what_quotes_do_not_answer_goes_to_the_tier_above_once() -> None:
    stage = Extractive(None, CONFIG, lambda: NOW, Next("local", "small"))
    asked = event("Who paints the harbour crane?", *BAKERY)
    asked = dataclasses.replace(asked, tier="extractive")
    again = dataclasses.replace(asked, tried=["local"])
    firsts: list[object] = []
    for outcome in stage([asked, again, event(ASKED, SEEDS)]):
        assert isinstance(outcome, list)
        firsts.append(outcome[0])
    passed, back, answered = firsts
    assert isinstance(passed, GenerationRequested)
    assert (passed.tier, passed.model, passed.tried) == ("local", "small", ["extractive"])
    assert passed.carried.decisions[-1].endswith("finds no answer in the passages, local is asked")
    assert isinstance(back, QuestionAnswered) and back.status == "abstained"
    assert isinstance(answered, QuestionAnswered) and answered.status == "answered"
