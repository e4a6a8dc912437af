"""The whole topology in memory: who may ask what, and who finds which document."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from processors.guard.decision import Decision, unavailable
from processors.guard.identity import Identity
from processors.guard.ports import Policy
from processors.guard.proving import UnprovenError
from processors.needs import TOKENS
from processors.questions.guarded import guarded
from schemas import topics
from schemas.events import DocumentFed, QuestionAnswered, QuestionAsked, QuestionRewritten
from streams.app.topology import topology
from streams.flow.errors import UserError
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, POLICY, FakePorts
from tests.support.question_events import carried

NUMBERS = count(1)
QUESTION = "What is the limit of a Gold card?"


@dataclass
class Running:
    """A pipeline with a document or two."""

    ports: FakePorts = field(default_factory=FakePorts)
    asked: str = ""

    def __post_init__(self) -> None:
        self.driver = Driver(topology(CONFIG), self.ports.opened)

    def feed(self, doc_id: str, body: str | None = None, op: Any = "upsert", **said: Any) -> None:
        fed = DocumentFed(op=op, tenant="acme", doc_id=doc_id, body=body, **said)
        self.driver.send(topics.DOCS_FEED, fed)
        self.driver.run()

    def ask(self, query: str = QUESTION, tenant: str = "acme", **fields: Any) -> QuestionAnswered:
        self.asked = f"r{next(NUMBERS)}"
        asked = QuestionAsked(tenant=tenant, query=query, request_id=self.asked, **fields)
        self.driver.send(topics.RAG_REQUESTS, asked)
        self.driver.run()
        answers = self.driver.events(topics.RAG_ANSWERS)
        return next(each for each in answers if each.request_id == self.asked)

    def candidates(self) -> list[str]:
        """Of the question that was asked last."""
        events = self.driver.events(topics.RAG_RETRIEVED)
        (last,) = (e for e in events if e.carried.question.request_id == self.asked)
        return [each.doc_id for each in last.candidates]


def test_a_revoked_document_is_found_no_more_and_costs_no_model_call() -> None:
    running = Running()
    running.feed("a.txt", "The limit of a Gold card is 900 euros.", acl=["*"])
    running.feed("b.txt", "The limit of a Blue card is 100 euros.")
    running.ask()
    assert sorted(running.candidates()) == ["a.txt", "b.txt"]
    embedded = running.ports.embedder.passages
    running.feed("a.txt", op="access", acl=["hr"])
    running.ask()
    assert running.candidates() == ["b.txt"]
    running.feed("a.txt", op="access", acl=["*"])
    running.ask()
    assert sorted(running.candidates()) == ["a.txt", "b.txt"]
    assert running.ports.embedder.passages == embedded
    acks = running.driver.events(topics.DOCS_INDEXED)
    assert [a.document.op for a in acks].count("access") == 3


FORM = "A refund of a Gold card needs form RF-77."


@pytest.mark.parametrize("change", [{"op": "access", "acl": ["hr"]}, {"op": "delete"}])
def test_a_session_tells_nothing_of_a_document_that_was_revoked(change: dict[str, Any]) -> None:
    running = Running()
    running.feed("a.txt", FORM)
    running.feed("b.txt", "Form RF-77 is signed by the branch manager.")
    talk = {"session_id": "s", "user": "anne"}
    first = running.ask("Which form does a refund of a Gold card need?", **talk)
    assert "RF-77" in first.answer
    assert running.ask("Who signs that form?", **talk).understood == "Who signs form RF-77?"
    running.feed("a.txt", **change)
    answer = running.ask("Who signs that form?", **talk)
    assert answer.understood == "" and "RF-77" not in repr(answer.reasons)
    assert any("its session knows what may not be seen now" in each for each in answer.degraded)
    closed = running.driver.events(topics.RAG_CLOSED)
    (last,) = (e for e in closed if e.carried.question.request_id == running.asked)
    assert "RF-77" not in repr(last.carried)


def test_a_session_that_rests_on_what_may_be_seen_is_understood_after_its_document_changed() -> (
    None
):
    running = Running()
    running.feed("a.txt", FORM)
    talk = {"session_id": "s", "user": "anne"}
    running.ask("Which form does a refund of a Gold card need?", **talk)
    running.feed("a.txt", f"{FORM} It is blue.")
    assert running.ask("Who signs that form?", **talk).understood == "Who signs form RF-77?"


def test_what_a_version_says_of_access_stands_in_the_log_beside_it() -> None:
    running = Running()
    running.feed("a.txt", "The limit is 900 euros.", acl=["hr"], classes=["secret"])
    running.feed("a.txt", "The limit is 800 euros.", version=2**50)
    logged = running.driver.events(topics.DOCS_CHANGES)
    assert [each.document.op for each in logged] == ["upsert", "access", "upsert"]
    running.ask()
    assert running.candidates() == []


def test_a_change_of_access_that_was_fed_before_another_is_told_that_it_changed_nothing() -> None:
    running = Running()
    running.feed("a.txt", "The limit of a Gold card is 900 euros.")
    for at, acl in ((9, ["hr"]), (5, ["*"]), (7, ["hr"])):
        fed = DocumentFed(op="access", tenant="acme", doc_id="a.txt", acl=acl)
        running.driver.send(topics.DOCS_FEED, fed, timestamp=2**41 + at)
        running.driver.run()
    running.ask()
    assert running.candidates() == []
    acks = [a for a in running.driver.events(topics.DOCS_INDEXED) if a.document.op == "access"]
    assert [a.superseded for a in acks] == [False, True, False]
    assert [[each.names for each in a.access] for a in acks] == [[["hr"]]] * 3
    assert [a.document.fed_at - 2**41 for a in acks] == [9, 5, 7], "its Feeder waits for this"


def test_a_live_version_that_overtakes_a_bulk_one_is_seen_by_whom_the_bulk_one_lets() -> None:
    running = Running()
    slow = DocumentFed(
        op="upsert", tenant="acme", doc_id="a.txt", body="The limit is 1.", acl=["hr"]
    )
    running.driver.send(topics.DOCS_FEED_BULK, slow, timestamp=2**41)
    running.driver.run()
    first = running.driver.events(topics.DOCS_CHANGES)
    assert [(each.document.access_of, each.document.bulk) for each in first] == [("coming", False)]
    bulk = running.driver.events(topics.DOCS_CHANGES_BULK)
    assert [each.document.op for each in bulk] == ["upsert", "access"]


def test_a_change_of_access_that_says_nothing_or_has_a_body_is_rejected() -> None:
    running = Running()
    running.feed("a.txt", op="access")
    running.feed("a.txt", "text", op="access", acl=[])
    reasons = [each.reason for each in running.driver.dead_letters(topics.DOCS_DLQ)]
    assert len(reasons) == 2 and all("op 'access' has acl or classes" in each for each in reasons)


class Changing:
    """A policy that is gone once a question is admitted."""

    def decide(self, ask: Any, about: Any) -> Decision:
        return POLICY.decide(ask, about) if ask == "ask" else unavailable("it is gone")


class Unsure:
    """A store's filter and the policy that do not agree: what is shown is what both allow."""

    def decide(self, ask: Any, about: Any) -> Decision:
        decided = POLICY.decide(ask, about)
        return replace(decided, shown=()) if ask == "show" else decided


class Lenient:
    """Another policy when a question is admitted than when it is searched for."""

    def decide(self, ask: Any, about: Any) -> Decision:
        return Decision(True, "lenient") if ask == "ask" else POLICY.decide(ask, about)


def with_policy(policy: Policy) -> Running:
    running = Running(FakePorts(policy=policy))
    running.feed("a.txt", "The limit of a Gold card is 900 euros.")
    return running


def test_a_policy_that_is_gone_on_the_way_refuses() -> None:
    answer = with_policy(Changing()).ask()
    assert answer.status == "refused"
    assert "rule policy-unavailable" in answer.reasons[0]


def test_a_question_that_may_not_be_searched_for_is_refused_with_the_reason_and_kept_without() -> (
    None
):
    running = with_policy(Lenient())
    answer = running.ask("What is the limit of card 4111 1111 1111 1111?")
    assert answer.status == "refused"
    assert "as it is understood" in answer.reasons[0] and "(rule understood" in answer.reasons[0]
    closed = running.driver.events(topics.RAG_CLOSED)[-1]
    assert "4111" not in repr(closed)


def test_what_its_session_made_of_a_refused_question_is_not_kept_either() -> None:
    asked = "What is the limit of it?"
    spelled = "What is the limit of card 4111 1111 1111 1111?"
    decisions = [f"rewrite: understood as: {spelled}"]
    understood = replace(carried(spelled, variants=[spelled], decisions=decisions), asked=asked)
    rewritten = QuestionRewritten(carried=understood)
    (ended,) = guarded([rewritten], policy=POLICY, searching=lambda *_, **__: [])
    assert not isinstance(ended, Exception)
    assert "rewrite: understood as: What is the limit of card [card]?" in repr(ended)
    assert "4111" not in repr(ended)


def test_a_hit_that_the_policy_does_not_show_is_withheld_and_told() -> None:
    running = with_policy(Unsure())
    answer = running.ask()
    assert answer.status == "abstained"
    closed = running.driver.events(topics.RAG_CLOSED)[-1]
    assert "retrieve: 1 hits withheld by policy" in closed.carried.decisions


class Known:
    """Tokens that are names."""

    def identity(self, token: str) -> Identity:
        if token != "anne":
            raise UnprovenError("token-signature", "the token's signature is wrong")
        return Identity("acme", "anne", ("hr",), (), "token")


def sent(running: Running, token: str, request_id: str, tenant: str = "acme") -> None:
    asked = QuestionAsked(tenant=tenant, query=QUESTION, request_id=request_id)
    headers = [("authorization", f"Bearer {token}".encode())]
    running.driver.send(topics.RAG_REQUESTS, asked, headers=headers)


def test_roles_come_from_the_token_and_others_see_no_more_for_a_forged_one() -> None:
    running = Running()
    config = replace(CONFIG, admit=replace(CONFIG.admit, identity="token"))
    running.driver = Driver(topology(config), running.ports.opened.beside(TOKENS, Known()))
    running.feed("a.txt", "The limit of a Gold card is 900 euros.", acl=["hr"])
    sent(running, "forged", "r1")
    sent(running, "anne", "r2")
    sent(running, "anne", "r3", tenant="other")
    running.driver.run()
    answers = {each.request_id: each for each in running.driver.events(topics.RAG_ANSWERS)}
    assert (answers["r1"].status, answers["r1"].tenant) == ("refused", "")
    assert "rule token-signature" in answers["r1"].reasons[0]
    assert (answers["r3"].status, answers["r3"].tenant) == ("refused", "acme")
    (event,) = running.driver.events(topics.RAG_RETRIEVED)
    assert [each.doc_id for each in event.candidates] == ["a.txt"]
    question = event.carried.question
    assert (question.user, question.roles, question.proof) == ("anne", ["hr"], "token")


def test_a_topic_of_its_own_says_which_tenant_asks() -> None:
    running = Running()
    with pytest.raises(UserError, match="MILLRACE_TENANTS"):
        topology(replace(CONFIG, admit=replace(CONFIG.admit, identity="topic")))
    admit = replace(CONFIG.admit, identity="topic", tenants=frozenset({"acme", "other"}))
    running.driver = Driver(topology(replace(CONFIG, admit=admit)), running.ports.opened)
    for tenant in ("acme", "other"):
        asked = QuestionAsked(tenant="acme", query=QUESTION, request_id=tenant)
        running.driver.send(topics.requests_of(tenant), asked)
    running.driver.run()
    answers = {each.request_id: each for each in running.driver.events(topics.RAG_ANSWERS)}
    assert answers["acme"].status == "abstained"
    assert (answers["other"].status, answers["other"].tenant) == ("refused", "other")
