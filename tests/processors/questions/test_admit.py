from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.redis.store import MemoryRequestLog
from processors.guard.decision import Decision, unavailable
from processors.guard.identity import Identity
from processors.questions.admit import AdmitConfig, Arrival, admit, assigned_request_id
from schemas.events import QuestionAdmitted, QuestionAnswered, QuestionAsked, QuestionClosed
from streams.flow.errors import Reject, Retry
from streams.flow.topic import To
from tests.support.fakes import POLICY, VERSIONS

NOW = 1_800_000_000_000


class NoLog:
    def claim(self, tenant: str, request_id: str, position: str) -> str:
        raise Retry("down")


class Waiting:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def wait_s(self) -> float:
        return self.seconds


def _admit(
    asked: QuestionAsked,
    at: int = NOW,
    log: object = None,
    policy: Any = POLICY,
    wait_s: float = 0.0,
    **config: object,
):
    arrival = Arrival(f"rag.requests/0/{at}", at, at, NOW)
    outcome, *closed = admit(
        asked,
        arrival,
        config=AdmitConfig(**config),  # type: ignore[arg-type]
        log=log or MemoryRequestLog(),  # type: ignore[arg-type]
        versions=VERSIONS,
        policy=policy,
        who=Identity(asked.tenant, asked.user or ""),
        pressure=Waiting(wait_s),
    )
    if isinstance(outcome, QuestionAnswered):
        (only,) = closed
        assert isinstance(only, QuestionClosed)
        assert (only.answer, only.passages) == (outcome, [])
        assert "4111" not in repr(only)
    else:
        assert closed == []
    return outcome


def _asked(query: str = "what?", tenant: str = "acme", **fields: object) -> QuestionAsked:
    return QuestionAsked(tenant=tenant, query=query, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (_asked(" \n"), "query is empty"),
        (_asked("x" * 100_000), "query has 100000 characters; at most 2000 (rule query-length"),
        (_asked(tenant="nobody"), "tenant 'nobody' is unknown"),
        (_asked(tenant="a/b"), "tenant must be"),
        (_asked(tenant=""), "tenant must be"),
        (_asked(top_k=0), "top_k is 0"),
        (_asked("card 4111 1111 1111 1111?", top_k=0), "top_k is 0"),
        (_asked(filters={"k": "x" * 70_000}), "user and filters have 70,001 bytes; at most 65,536"),
        (_asked(reply_to="docs.feed"), "MILLRACE_REPLY_TOPICS"),
    ],
)
def test_a_bad_question_is_refused_with_the_reason(asked: QuestionAsked, said: str) -> None:
    outcome = _admit(asked, tenants=frozenset({"acme"}))
    assert isinstance(outcome, QuestionAnswered)
    assert outcome.status == "refused"
    assert said in outcome.reasons[0]


@pytest.mark.parametrize("wrong", [{}, {"query": " "}, {"top_k": 0}, {"query": "x" * 3000}])
def test_a_refusal_goes_to_no_topic_of_somebody_else(wrong: dict[str, Any]) -> None:
    both = frozenset({"rag.answers.acme", "rag.answers.other"})

    def told(reply_to: str) -> list[str]:
        asked = replace(_asked(reply_to=reply_to), **wrong)
        ended = admit(
            asked,
            Arrival("rag.requests/0/1", 1, NOW, NOW),
            config=AdmitConfig(reply_topics=both),
            log=MemoryRequestLog(),
            versions=VERSIONS,
            policy=POLICY,
            who=Identity("acme"),
        )
        return [each.topic for each in ended if isinstance(each, To)]

    assert told("rag.answers.other") == []
    assert told("rag.answers.acme") == (["rag.answers.acme"] if wrong else [])


@pytest.mark.parametrize("deadline", [-1, 0 - 10**6, NOW - 1, 10])
def test_a_deadline_in_the_past_is_expired(deadline: int) -> None:
    outcome = _admit(_asked(deadline_ms=deadline), at=NOW - 11)
    assert isinstance(outcome, QuestionAnswered)
    assert outcome.status == "expired"


@pytest.mark.parametrize(("deadline", "at"), [(500, NOW + 490), (NOW + 7, NOW + 7)])
def test_a_deadline_is_a_span_or_a_time(deadline: int, at: int) -> None:
    outcome = _admit(_asked(deadline_ms=deadline), at=NOW - 10)
    assert isinstance(outcome, QuestionAdmitted)
    assert outcome.carried.question.deadline_at == at


def test_who_would_wait_for_most_of_the_time_is_refused_at_once_and_may_ask_again() -> None:
    log = MemoryRequestLog()
    asked = _asked(request_id="r", deadline_ms=10_000)
    refused = _admit(asked, log=log, wait_s=5.1)
    assert isinstance(refused, QuestionAnswered) and refused.status == "refused"
    assert refused.reasons == [
        "about 5 s of questions wait before it, and its deadline is in 10 s: ask again later "
        "(rule overload)"
    ]
    assert isinstance(_admit(asked, at=NOW - 1, log=log, wait_s=4.9), QuestionAdmitted)
    patient = _asked(deadline_ms=60_000)
    assert isinstance(_admit(patient, wait_s=5.1), QuestionAdmitted)
    late = _admit(_asked(deadline_ms=5), at=NOW - 11, wait_s=99)
    assert isinstance(late, QuestionAnswered) and late.status == "expired"


def test_a_missing_request_id_is_a_uuid7_that_a_replay_repeats() -> None:
    first, again = (_admit(_asked(), at=NOW) for _ in range(2))
    assert isinstance(first, QuestionAdmitted)
    assert isinstance(again, QuestionAdmitted)
    assert first.carried.question.request_id == again.carried.question.request_id
    assert first.carried.question.request_id[14] == "7"
    other = assigned_request_id("rag.requests/0/8", NOW)
    assert other != first.carried.question.request_id
    assert other[:13] == first.carried.question.request_id[:13], "the time comes first"


def test_the_same_record_again_is_no_duplicate() -> None:
    log = MemoryRequestLog()
    for _ in range(2):
        assert isinstance(_admit(_asked(request_id="r"), log=log), QuestionAdmitted)
    with pytest.raises(Reject, match="duplicate request_id 'r'"):
        _admit(_asked(request_id="r"), at=NOW - 1, log=log)


def test_tenants_may_use_the_same_request_id() -> None:
    log = MemoryRequestLog()
    _admit(_asked(request_id="r"), at=NOW - 1, log=log)
    assert isinstance(_admit(_asked(request_id="r", tenant="b"), log=log), QuestionAdmitted)


def test_without_the_log_questions_go_on_and_say_so() -> None:
    outcome = _admit(_asked(request_id="r"), log=NoLog())
    assert isinstance(outcome, QuestionAdmitted)
    assert outcome.carried.degraded == ["admit: duplicates unchecked"]


def test_what_the_policy_refuses_says_by_which_rule_and_is_kept_without_what_it_held() -> None:
    outcome = _admit(_asked("what is on card 4111 1111 1111 1111?", request_id="r"))
    assert isinstance(outcome, QuestionAnswered)
    assert outcome.status == "refused"
    assert "(rule pii-card, policy authz-3@" in outcome.reasons[0]
    assert outcome.versions.policy == f"authz-3@{POLICY.mark}"


def test_an_admitted_question_carries_the_policy_that_decided() -> None:
    outcome = _admit(_asked())
    assert isinstance(outcome, QuestionAdmitted)
    assert outcome.carried.versions.policy == f"authz-3@{POLICY.mark}"
    question = outcome.carried.question
    assert (question.roles, question.classes, question.proof) == ([], [], "trust")


class NoPolicy:
    def decide(self, ask: object, about: object) -> Decision:
        return unavailable("it is gone")


def test_without_a_policy_nothing_is_admitted() -> None:
    outcome = _admit(_asked(), policy=NoPolicy())
    assert isinstance(outcome, QuestionAnswered)
    assert outcome.status == "refused"
    assert "rule policy-unavailable" in outcome.reasons[0]
