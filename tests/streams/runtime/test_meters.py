"""Metrics of tenants: what was committed, once, under a bounded number of names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from processors.questions.answers import close
from schemas import measures, topics
from schemas.events import AnswerStatus, DocumentFed, ModelUsage, QuestionAsked, QuestionClosed
from streams.app.topology import topology
from streams.flow.measure import Measured
from streams.runtime.folding import MOST, OTHER, TENANTS, Names
from streams.runtime.meters import Meters
from streams.runtime.record import Output
from streams.runtime.telemetry import REGISTRY, SLOW_WAITING, StageMetrics
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts
from tests.support.question_events import carried, question

MANY = 10_000


@pytest.fixture(autouse=True)
def nobody_has_a_name() -> None:
    """The names of a process are for its life, and tests share one."""
    TENANTS.bound(MOST)


def closed(tenant: str, status: AnswerStatus = "answered", **known: Any) -> QuestionClosed:
    ended = close(carried(question("Q?", tenant=tenant), **known), status, 7, answer="A")
    (found,) = [each for each in ended if isinstance(each, QuestionClosed)]
    return found


def series(registry: CollectorRegistry) -> list[Any]:
    return [sample for metric in registry.collect() for sample in metric.samples]


def test_ten_thousand_tenants_fill_no_more_than_a_bounded_number_of_series() -> None:
    registry = CollectorRegistry()
    meters = Meters(registry, Names(MOST))
    used = ModelUsage(
        operation="generate", model="m", input_tokens=3, output_tokens=2, cost_nanos=500_000_000
    )
    of_one: int | None = None
    for number in range(MANY):
        for each in measures.of_closed(closed(f"t{number}", usage=[used], degraded=["rerank: x"])):
            meters.told("generate.local", each)
        if of_one is None:
            of_one = len(series(registry))
    found = series(registry)
    assert of_one is not None and len(found) <= of_one * (MOST + 1)
    answers = {s.labels["tenant"]: s.value for s in found if s.name == "millrace_answers_total"}
    assert len(answers) == MOST + 1 and answers["t0"] == 1
    assert answers[OTHER] == MANY - MOST, "nobody is lost, and others are one"


def test_who_is_only_refused_takes_no_name_from_a_tenant() -> None:
    registry = CollectorRegistry()
    meters = Meters(registry, Names(2))
    asked: list[tuple[str, AnswerStatus]] = [("a", "refused"), ("b", "refused"), ("c", "answered")]
    for tenant, status in asked:
        for each in measures.of_closed(closed(tenant, status)):
            meters.told("admit", each)
    said = {(s.labels["tenant"], s.labels.get("status")) for s in series(registry)}
    assert {(OTHER, "refused"), ("c", "answered")} <= said
    assert not {each for each in said if each[0] in ("a", "b")}


def test_known_tenants_have_their_names_whoever_comes_first() -> None:
    names = Names()
    names.bound(2, ["bank"])
    assert [names.label(each) for each in ("x", "y", "bank", "x")] == ["x", OTHER, "bank", "x"]


def test_what_no_counter_can_add_is_left_out() -> None:
    registry = CollectorRegistry()
    meters = Meters(registry, Names())
    for value in (-1.0, float("nan"), float("inf"), 2.0):
        meters.told("s", Measured(measures.COST, "a", ("generate", "m"), value))
    (cost,) = [s.value for s in series(registry) if s.name == "millrace_cost_total"]
    assert cost == 2.0


def test_an_answer_time_has_its_trace_as_an_example() -> None:
    registry = CollectorRegistry()
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = [("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode())]
    measured = tuple(measures.of_closed(closed("acme")))
    output = Output("rag.closed", b"k", b"v", headers, measured=measured)
    Meters(registry, Names()).committed("generate.local", [output])
    assert f'# {{trace_id="{trace}"}}' in generate_latest(registry).decode()


def test_slow_records_of_tenants_without_a_name_are_one_sum() -> None:
    metrics = StageMetrics("slow-sums")
    many = [f"s{number}" for number in range(300)]
    for each in many:
        metrics.slow_waiting(each, 2)
    values = [
        s.value
        for metric in SLOW_WAITING.collect()
        for s in metric.samples
        if s.labels["stage"] == "slow-sums"
    ]
    assert sum(values) == 600 and len(values) <= MOST + 1
    for each in many:
        metrics.slow_waiting(each, 0)
    labels = [s.labels["stage"] for m in SLOW_WAITING.collect() for s in m.samples]
    assert "slow-sums" not in labels


def _value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("crash", ["", "after"])
def test_the_flow_counts_each_question_and_change_once_though_it_is_done_twice(crash: str) -> None:
    crashed: set[str] = set()

    def fault(stage: str, moment: str) -> bool:
        first = moment == crash and stage not in crashed
        crashed.add(stage) if first else None
        return first

    tenant = f"counted{crash}"
    driver = Driver(topology(CONFIG), FakePorts().opened, fault=fault)
    fed = DocumentFed(op="upsert", tenant=tenant, doc_id="a", body="The limit is 600 euros.")
    driver.send(topics.DOCS_FEED, replace(fed, title="T"))
    driver.run()
    driver.send(topics.RAG_REQUESTS, QuestionAsked(tenant=tenant, query="What is the limit?"))
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    (stage,) = (name for name in answer.timings_ms if name.startswith("generate."))
    ended = {"stage": stage, "tenant": tenant}
    assert _value("millrace_answers_total", status=answer.status, **ended) == 1
    assert _value("millrace_answer_seconds_count", **ended) == 1
    fresh = {"stage": "index", "tenant": tenant, "op": "upsert", "lane": "live"}
    assert _value("millrace_freshness_seconds_count", **fresh) == 1
    assert bool(crash) == bool(crashed)
