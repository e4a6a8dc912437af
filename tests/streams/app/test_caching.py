"""The whole topology in memory: whose answer is given again to whom, and for how long."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from processors.caching.entries import Caching
from processors.documents.lacking import Document
from processors.guard.identity import Identity
from processors.models import Completion
from processors.needs import PARTIALS, TOKENS, generator
from processors.questions.grounded import GroundedConfig
from schemas import topics
from schemas.events import DocumentFed, PartialAnswer, QuestionAnswered, QuestionAsked
from streams.app.config import caching
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.flow.errors import Retry
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

NUMBERS = count(1)
QUESTION = "What is the limit of a Gold card?"
SAME = "Please tell me the limit of the Gold card"
TEXT = "The limit of a Gold card is 900 euros."


class Named:
    """Tokens that say tenant, user, roles and classes."""

    def identity(self, token: str) -> Identity:
        tenant, user, roles, classes = token.split("/")
        return Identity(tenant, user, tuple(roles.split()), tuple(classes.split()), "token")


@dataclass
class Running:
    """A pipeline that keeps answers."""

    ports: FakePorts = field(default_factory=FakePorts)
    caching: Caching = field(default_factory=lambda: Caching(similar=0.3))

    def __post_init__(self) -> None:
        admit = replace(CONFIG.admit, identity="token")
        config = replace(CONFIG, caching=self.caching, admit=admit)
        self.driver = Driver(topology(config), self.ports.opened.beside(TOKENS, Named()))

    def feed(self, doc_id: str, body: str | None = None, op: Any = "upsert", **said: Any) -> None:
        fed = DocumentFed(op=op, doc_id=doc_id, body=body, **{"tenant": "acme", **said})
        self.driver.send(topics.DOCS_FEED, fed)
        self.driver.run()

    def ask(
        self, query: str = QUESTION, who: str = "acme/anne//", **fields: Any
    ) -> QuestionAnswered:
        request_id = f"r{next(NUMBERS)}"
        tenant = who.partition("/")[0]
        asked = QuestionAsked(tenant=tenant, query=query, request_id=request_id, **fields)
        headers = [("authorization", f"Bearer {who}".encode())]
        self.driver.send(topics.RAG_REQUESTS, asked, headers=headers)
        self.driver.run()
        (answer,) = (
            a for a in self.driver.events(topics.RAG_ANSWERS) if a.request_id == request_id
        )
        return answer


@pytest.fixture
def running() -> Running:
    running = Running()
    running.feed("a.txt", TEXT)
    return running


def test_the_same_question_gets_the_same_answer_and_says_so(running: Running) -> None:
    first, again, worded = running.ask(), running.ask(), running.ask(SAME)
    assert [each.status for each in (first, again, worded)] == ["answered"] * 3
    assert [each.cached for each in (first, again, worded)] == ["", "exact", "similar"]
    assert again.answer == worded.answer == first.answer
    assert again.citations == worded.citations == first.citations
    assert len(running.driver.events(topics.RAG_RETRIEVED)) == 1, "only the first was searched for"
    closed = running.driver.events(topics.RAG_CLOSED)
    assert len(closed) == 3, "each closes once"
    (exact,) = (each for each in closed if each.answer.cached == "exact")
    assert exact.passages[0].text == TEXT
    said = f"retrieve: answered from the cache (exact), as request {first.request_id}"
    assert said in exact.carried.decisions


def test_another_question_gets_an_answer_of_its_own(running: Running) -> None:
    running.ask()
    for query in ("What is the limit of a Blue card?", "What is not the limit of a Gold card?"):
        assert not running.ask(query).cached
    assert not running.ask(filters={"lang": "en"}).cached
    assert not running.ask(top_k=3).cached


def test_an_answer_that_is_less_similar_than_is_wanted_is_not_given() -> None:
    running = Running(caching=Caching(similar=1.0))
    running.feed("a.txt", TEXT)
    running.ask()
    assert running.ask(SAME).cached == "" and running.ask().cached == "exact"


@pytest.mark.parametrize(
    "change",
    [
        {"body": "The limit of a Gold card is 700 euros."},
        {"op": "delete"},
        {"op": "access", "acl": ["hr"]},
        {"op": "access", "classes": ["secret"]},
    ],
)
def test_an_answer_is_gone_once_its_document_changed(
    running: Running, change: dict[str, Any]
) -> None:
    running.ask()
    running.feed("a.txt", **change)
    assert not running.ports.answers._values, "nothing of it is left"
    answer = running.ask()
    assert not answer.cached and "900" not in answer.answer


def test_a_change_that_the_cache_has_not_heard_of_yet_is_heeded(running: Running) -> None:
    running.ports.answers.drop = lambda documents: None  # type: ignore[method-assign]
    running.ask()
    running.feed("a.txt", "The limit of a Gold card is 700 euros.")
    assert running.ports.answers._values
    answer = running.ask()
    assert not answer.cached and "700" in answer.answer


def test_an_answer_that_took_a_fallback_is_not_kept(running: Running) -> None:
    def away(*_: Any) -> Any:
        raise Retry("away")

    running.ports.index.nearest = away  # type: ignore[method-assign]
    assert running.ask().degraded
    assert not running.ports.answers._values


class Unheard:
    """Nobody waits for what an answer says so far."""

    def tell(self, event: PartialAnswer) -> None: ...


class Model:
    """A language model that quotes, until it is away."""

    model, away = "m", False

    def complete(self, instructions: str, text: str, **_: Any) -> Completion:
        if self.away:
            raise Retry("the model is away")
        return Completion(f"{TEXT[:-1]} [1].", 10, 5)


def test_while_the_model_is_away_what_was_answered_goes_on_being_given() -> None:
    model = Model()
    running = Running()
    written = replace(
        CONFIG.tiers["extractive"], grounded=GroundedConfig(lambda query, found: (query, found))
    )
    config = replace(
        CONFIG,
        caching=running.caching,
        tiers={"m": written, **CONFIG.tiers},
        route=replace(
            CONFIG.route, default_tier="m", models={"m": "m", "extractive": "extractive"}
        ),
    )
    ports = running.ports.opened.beside(generator("m"), model).beside(PARTIALS, Unheard())
    running.driver = Driver(topology(config), ports)
    running.feed("a.txt", TEXT)
    first = running.ask()
    assert not first.degraded and first.usage.output_tokens == 5
    model.away = True
    again = running.ask()
    assert (again.answer, again.cached) == (first.answer, "exact")
    assert not again.degraded and not again.usage.output_tokens
    assert running.ask("What limit has a Gold card?").degraded


def test_answers_are_kept_where_a_model_writes_them_unless_it_is_said_otherwise() -> None:
    for cached, kept in (
        ("auto", (False, True)),
        ("always", (True, True)),
        ("never", (False,) * 2),
    ):
        settings = Settings(answers={"cached": cached})
        assert tuple(caching(settings, written=w) is not None for w in (False, True)) == kept


class Away:
    """A cache that does not answer."""

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        raise Retry("away")

    def put(
        self,
        tenant: str,
        keys: Sequence[str],
        value: bytes,
        documents: Collection[str],
        seconds: float,
    ) -> None:
        raise Retry("away")

    def drop(self, documents: Collection[Document]) -> None: ...


def test_without_its_cache_a_question_is_answered_all_the_same() -> None:
    running = Running(FakePorts(answers=Away()))  # type: ignore[arg-type]
    running.feed("a.txt", TEXT)
    answers = [running.ask(), running.ask()]
    assert [(each.status, each.cached) for each in answers] == [("answered", "")] * 2


def test_no_answer_goes_to_whom_its_documents_are_closed_or_to_another_tenant() -> None:
    """Random people, documents and changes: whoever gets an answer may see what it rests on."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, running, given, turns = random.Random(seed), Running(), 0, 0
    acls, classes = (["*"], ["hr"], ["user:anne"], []), (["public"], ["secret"])
    labels: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    while turns < 120 or given < 20:  # how often an answer is cached is a matter of the seed
        turns += 1
        assert turns < 2_000, "the cache took no part"
        tenant = rng.choice(("acme", "other"))
        if rng.random() < 0.1 or not labels:
            kind, doc_id = rng.choice(("Gold", "Blue")), rng.choice("ab")
            said = labels[tenant, doc_id] = rng.choice(acls), rng.choice(classes)
            body = f"The limit of a {kind} card is {len(labels)} euros of {tenant}."
            running.feed(doc_id, body, tenant=tenant, acl=said[0], classes=said[1])
        user, role = rng.choice(("anne", "bob")), rng.choice(("", "", "hr"))
        cleared = rng.choice(("", "", "secret"))
        who = f"{tenant}/{user}/{role}/{cleared}"
        answers = [running.ask(query, who) for query in rng.sample((QUESTION, SAME), 2)]
        given += sum(bool(each.cached) for each in answers)
        for citation in (each for answer in answers for each in answer.citations):
            acl, needed = labels[tenant, citation.doc_id]
            assert {"*", role, f"user:{user}"} & {*acl}
            assert {*needed} <= {"public", cleared}
            assert f"euros of {tenant}" in citation.quote
