"""Feedback and the question it is about: what meets, what waits, what is refused."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from processors.learning import feedback, rekey
from processors.learning.feedback import MOST_WAITING, join
from processors.learning.rekey import MOST_PASSAGES
from processors.questions.answers import close
from schemas import topics
from schemas.events import (
    Candidate,
    FeedbackGiven,
    FeedbackJoined,
    FeedbackState,
    QuestionClosed,
)
from streams.flow.errors import Reject
from streams.flow.state import State
from streams.runtime.restoring import HOUR_MS
from streams.runtime.telemetry import REGISTRY
from streams.runtime.testing import Driver
from tests.support.question_events import carried, question

MONTH_MS = 30 * 24 * HOUR_MS


def _closed(request_id: str = "r", answer: str = "600 euros", **more: object) -> QuestionClosed:
    asked = replace(question("What is the limit?"), request_id=request_id, session_id="s")
    ended = close(carried(asked), "answered", 7, answer=answer, **more)  # type: ignore[arg-type]
    (closed,) = [each for each in ended if isinstance(each, QuestionClosed)]
    return closed


def _given(request_id: str = "r", rating: int = 1, **said: object) -> FeedbackGiven:
    return FeedbackGiven(request_id=request_id, tenant="acme", rating=rating, **said)  # type: ignore[arg-type]


def _joined(state: State[FeedbackState], *events: QuestionClosed | FeedbackGiven) -> list[str]:
    """What each joined event says: rating and answer."""
    found = [each for event in events for each in join(event, state, lambda: 9)]
    assert all(each.joined_at == 9 for each in found)
    return [f"{each.feedback.rating} {each.closed.answer.answer}" for each in found]


def test_feedback_meets_its_question_whichever_comes_first() -> None:
    assert _joined(State(), _closed(), _given()) == ["1 600 euros"]
    assert _joined(State(), _given(), _closed()) == ["1 600 euros"]


def test_each_feedback_on_a_question_is_joined_once() -> None:
    state = State[FeedbackState]()
    said = [_given(rating=rating) for rating in (-1, 1, 0, 1)]
    assert _joined(state, *said[:2], _closed(), *said[2:]) == [
        "-1 600 euros",
        "1 600 euros",
        "0 600 euros",
        "1 600 euros",
    ]


def test_a_question_that_closes_twice_joins_nothing_twice() -> None:
    state = State[FeedbackState]()
    assert _joined(state, _given(), _closed(), _closed(answer="700"), _given(rating=-1)) == [
        "1 600 euros",
        "-1 600 euros",
    ]


def test_no_more_feedback_waits_for_a_question_than_can_be_meant() -> None:
    state = State[FeedbackState]()
    _joined(state, *[_given() for _ in range(MOST_WAITING)])
    with pytest.raises(Reject, match="50 feedbacks wait for question 'r', which is not known"):
        _joined(state, _given())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (_given(rating=5), "rating is 5; it must be -1, 0 or 1"),
        (_given(""), "request_id has 0 characters; it must have 1 to 200"),
        (replace(_given(), tenant="a/b"), "tenant must be 1 to 64 letters"),
        (
            # Four bytes each.
            _given(comment="x" * 1_537, correct_answer="\N{GRINNING FACE}" * 16_000),
            "comment, correct_answer and labels have 65,537 bytes; at most 65,536",
        ),
    ],
)
def test_what_is_no_feedback_is_refused_by_name(wrong: FeedbackGiven, said: str) -> None:
    with pytest.raises(Reject, match=said):
        list(rekey.rekey(wrong))


def _passage(size: int) -> Candidate:
    return Candidate(
        chunk_id="c",
        doc_id="d",
        doc_version=1,
        ordinal=0,
        title="",
        heading="",
        uri="",
        text="x" * size,
        chunking="",
        changed_at=0,
        score=1.0,
        scores={"dense": 0.5},
        sentences=[0, size],
        sentence_scores=[0.5],
    )


def test_of_a_closed_question_as_many_passages_are_joined_as_a_record_has_room_for() -> None:
    small, large = _passage(1000), _passage(MOST_PASSAGES - 500)
    (lean,) = rekey.rekey(_closed(passages=[small, large, small]))
    assert isinstance(lean, QuestionClosed)
    assert [len(each.text) for each in lean.passages] == [1000]
    assert lean.passages[0].sentences == []
    assert lean.carried.decisions == ["rekey: 2 passage(s) left out, for size"]
    (whole,) = rekey.rekey(_closed(passages=[small, small]))
    assert isinstance(whole, QuestionClosed)
    assert (len(whole.passages), whole.carried.decisions) == (2, [])


def _driver(**options: object) -> Driver:
    return Driver([rekey.stage(), feedback.stage(lambda: 9)], **options)  # type: ignore[arg-type]


def _met(driver: Driver) -> Counter[tuple[str, str]]:
    """Whose feedback, by its comment, was joined with which question's answer."""
    return Counter(
        (each.feedback.comment or "", each.closed.answer.answer)
        for each in driver.events(topics.RAG_FEEDBACK_JOINED)
    )


def test_feedback_is_joined_under_whatever_key_it_was_produced() -> None:
    driver = _driver()
    for number, key in enumerate([None, b"", b"murmur", b"acme/r"]):
        driver.send(topics.RAG_FEEDBACK, _given(comment=f"f{number}"), key=key)
    driver.send(topics.RAG_CLOSED, _closed())
    driver.run()
    assert _met(driver) == {(f"f{number}", "600 euros"): 1 for number in range(4)}
    keys = {each.key for each in driver.records(topics.RAG_FEEDBACK_JOINED.name)}
    assert keys == {b"acme/r"}


def test_feedback_on_a_question_that_never_comes_goes_and_is_counted() -> None:
    now = 10**12
    driver = _driver(clock=lambda: now, partitions=1)
    driver.send(topics.RAG_FEEDBACK, _given("unknown"))
    driver.run()

    def unmet() -> float:
        seen = {"stage": "feedback"}
        return REGISTRY.get_sample_value("millrace_state_unmet_total", seen) or 0

    before = unmet()
    now += MONTH_MS + 1
    driver.send(topics.RAG_CLOSED, _closed("another"))
    driver.run()
    assert unmet() == before + 1
    driver.send(topics.RAG_CLOSED, _closed("unknown"))
    driver.run()
    assert driver.events(topics.RAG_FEEDBACK_JOINED) == []


@pytest.mark.parametrize("seed", range(10))
def test_any_order_days_late_under_crashes_every_feedback_is_joined_once(seed: int) -> None:
    """Duplicates too: two records that say the same are two feedbacks."""
    rng = random.Random(seed)
    print(f"seed {seed}")
    now = 10**12
    crashes = Counter[str]()

    def fault(stage: str, moment: str) -> bool:
        crash = rng.random() < 0.25
        crashes[f"{stage} {moment}"] += crash
        return crash

    driver = _driver(batch=4, fault=fault, clock=lambda: now)
    wanted = Counter[tuple[str, str]]()
    todo: list[tuple[int, QuestionClosed | FeedbackGiven]] = []
    for number in range(40):
        name, answer = f"q{number}", f"answer {number}"
        # Days apart, either first: all within the time that either is kept.
        todo.append((rng.randrange(20 * 24), _closed(name, answer)))
        for each in range(rng.choice([0, 1, 1, 2, 3])):
            given = _given(name, rng.choice([-1, 0, 1]), comment=f"{name}.{each}")
            copies = rng.choice([1, 1, 1, 2])
            wanted[f"{name}.{each}", answer] += copies
            todo += [(rng.randrange(20 * 24), given)] * copies
    todo.sort(key=lambda pair: pair[0])
    for hour, event in todo:
        now = 10**12 + hour * HOUR_MS
        topic = topics.RAG_CLOSED if isinstance(event, QuestionClosed) else topics.RAG_FEEDBACK
        driver.send(topic, event)  # type: ignore[arg-type]
        if rng.random() < 0.3:
            driver.run()
    driver.run()
    assert _met(driver) == wanted
    assert not driver.dead_letters(topics.RAG_DLQ)
    assert min(crashes.values()) > 0
    assert len(crashes) == 4


def test_a_joined_event_holds_both_whole() -> None:
    driver = _driver()
    driver.send(topics.RAG_CLOSED, _closed(passages=[_passage(10)]))
    driver.send(topics.RAG_FEEDBACK, _given(comment="good", labels=["x"]))
    driver.run()
    (joined,) = driver.events(topics.RAG_FEEDBACK_JOINED)
    assert isinstance(joined, FeedbackJoined)
    assert joined.feedback == _given(comment="good", labels=["x"])
    assert joined.closed.carried.question.session_id == "s"
    assert [each.text for each in joined.closed.passages] == ["x" * 10]
