"""Budgets, quotas and suspension where they are enforced: in the flow."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from connectors.memory.ledger import MemoryLedger
from processors.models import Completion
from processors.money.purse import TenantPurse
from processors.money.tenancy import Tenancy, tenancy
from processors.needs import PARTIALS, generator
from processors.questions.answering import Answering
from processors.questions.generate import AnswerConfig
from processors.questions.grounded import EXTRACTIVE, GroundedConfig
from processors.questions.rewrite import VariantsConfig
from processors.questions.route import RouteConfig
from schemas import topics
from schemas.events import DocumentFed, PartialAnswer, QuestionAnswered
from streams.app.topology import topology
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts
from tests.support.prices import PRICES
from tests.support.told_generator import ToldGenerator

LIMIT = "The cash limit of a Classic card is 600 euros."
FED = DocumentFed(op="upsert", tenant="acme", doc_id="a.md", version=1, body=f"# Limits\n\n{LIMIT}")


@dataclass
class Control:
    suspended: dict[str, str] = field(default_factory=dict[str, str])

    def why(self, tenant: str) -> str | None:
        return self.suspended.get(tenant)


class Unheard:
    def tell(self, event: PartialAnswer) -> None:
        pass


MODEL = ToldGenerator(lambda *_: Completion(f"{LIMIT} [1]", 1_000, 100))


def asked(driver: Driver, request_id: str, **more: str) -> QuestionAnswered:
    request = {"request_id": request_id, "tenant": "acme", "query": "What is the cash limit?"}
    driver.send(topics.RAG_REQUESTS, json.dumps(request | more).encode(), key=None)
    driver.run()
    return next(a for a in driver.events(topics.RAG_ANSWERS) if a.request_id == request_id)


def answering(policy: Tenancy) -> Driver:
    grounded = GroundedConfig(lambda query, found: (query, found), prices=PRICES)
    config = replace(
        CONFIG,
        prices=PRICES,
        tiers={**CONFIG.tiers, "told": Answering(AnswerConfig(passages=0), grounded)},
        route=RouteConfig(default_tier="told", models={"told": "told"}),
        variants=VariantsConfig("Reword.", prices=PRICES, tier="told"),
    )
    purse = TenantPurse(lambda: policy, MemoryLedger(), now=lambda: 1_795_000_000.0)
    opened = FakePorts(purse=purse).opened.beside(generator("told"), MODEL)
    driver = Driver(topology(config), opened.beside(PARTIALS, Unheard()))
    driver.send(topics.DOCS_FEED, FED)
    driver.run()
    return driver


def test_a_budget_ends_in_quotes_and_then_in_a_refusal_that_says_when_it_begins_anew() -> None:
    # A call costs .003.
    budget = {"period": "day", "soft": 0.004, "hard": 0.01}
    driver = answering(tenancy({"tenants": {"acme": {"budget": budget}}}))
    first = asked(driver, "r1")
    assert (first.status, first.degraded) == ("answered", [])
    assert first.usage.cost == pytest.approx(0.006, abs=1e-5)  # worded otherwise, and answered
    second = asked(driver, "r2")
    assert (second.status, second.model) == ("answered", EXTRACTIVE)
    assert second.usage.cost == pytest.approx(0.003, abs=1e-5)
    told = second.degraded[-1]
    assert told.startswith(
        "generate: told is not asked, the soft budget of the day, 0.004000, is spent: it begins"
    )
    assert asked(driver, "r3").usage.cost == pytest.approx(0.003, abs=1e-5)  # and above it
    refused = asked(driver, "r4")
    assert (refused.status, refused.usage.cost) == ("refused", 0.0)
    assert "the hard budget of the day, 0.010000, is spent: it begins anew at" in refused.reasons[0]
    assert asked(driver, "r5", tenant="other").status != "refused"


def test_questions_above_a_quota_are_refused_by_its_name_and_other_tenants_are_not() -> None:
    driver = answering(tenancy({"tenants": {"acme": {"quotas": {"questions_per_second": 0.001}}}}))
    assert asked(driver, "r1").status == "answered"
    refused = asked(driver, "r2")
    assert refused.status == "refused"
    assert "rule quota questions_per_second" in refused.reasons[0]
    assert "ask again in" in refused.reasons[0]
    assert asked(driver, "r3", tenant="other").status != "refused"


def test_a_suspended_tenant_asks_and_feeds_nothing_and_its_deletions_count() -> None:
    control = Control()
    ports = FakePorts(suspensions=control)
    driver = Driver(topology(CONFIG), ports.opened)
    driver.send(topics.DOCS_FEED, FED)
    driver.run()
    control.suspended["acme"] = "unpaid"
    refused = asked(driver, "r1")
    assert (refused.status, refused.reasons) == (
        "refused",
        ["this tenant is suspended: unpaid (rule tenant-suspended)"],
    )
    driver.send(topics.DOCS_FEED, replace(FED, doc_id="b.md"))
    driver.send(topics.DOCS_FEED, replace(FED, tenant="other"))
    driver.send(topics.DOCS_FEED, DocumentFed(op="delete", tenant="acme", doc_id="a.md", version=2))
    driver.run()
    (letter,) = driver.events(topics.DOCS_DLQ)
    assert "this tenant is suspended" in letter.reason and "dlq replay" in letter.reason
    assert {chunk.tenant for chunk in ports.index.scan()} == {"other"}
    control.suspended.clear()
    assert asked(driver, "r2").status != "refused"


def test_a_tenants_own_quota_of_changes_decides_which_are_live() -> None:
    policy = tenancy({"tenants": {"acme": {"quotas": {"changes_per_minute": 2}}}})
    driver = Driver(topology(CONFIG), FakePorts(tenancy=lambda: policy).opened)
    for number in range(5):
        for tenant in ("acme", "other"):
            driver.send(topics.DOCS_FEED, replace(FED, tenant=tenant, doc_id=f"{number}.md"))
    driver.run()
    bulk = [each.document.tenant for each in driver.events(topics.DOCS_CHANGES_BULK)]
    assert bulk == ["acme"] * 3
