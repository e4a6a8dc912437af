"""Usage through kills: what a stage emitted and what Faust's windows hold, to the token."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from functools import partial

import pytest

from processors.questions.answers import close
from schemas import topics
from schemas.events import DeadLettered, QuestionClosed, UsageRecorded
from streams.app import opening
from streams.edge import admin, client, costs, reconciling
from streams.runtime.record import Output
from streams.usage.rows import BETWEEN
from tests.processors.questions.test_answers import PAID
from tests.support.prices import PRICES
from tests.support.question_events import carried, question
from tests.system.harness import Bench, WorkerOf, evenly, until

CALLS = [PRICES.used("generate", "m", 120, 30, 20), replace(PAID, cost_nanos=None)]


def closed(number: int, at: int) -> QuestionClosed:
    asked = replace(question("q"), request_id=f"r{number}", tenant=f"t{number % 5}")
    *_, made = close(carried(asked, usage=CALLS), "answered", at)
    assert isinstance(made, QuestionClosed)
    return made


def closing(bench: Bench, number: int) -> Output:
    event = closed(number, int(time.time() * 1000))
    return client.edge_output(bench.codec, topics.RAG_CLOSED, event, f"c{number}")


def windows_after(bench: Bench, kills: int, rng: random.Random) -> None:
    admin.apply_topics(bench.settings, opening.stages(bench.settings))
    workers = {
        name: WorkerOf(
            bench.settings.model_copy(update={"worker": name}), "streams.cli", "run", name
        )
        for name in ("meter", "usage")
    }
    try:
        for worker in workers.values():
            worker.start()
        for worker in workers.values():
            worker.wait_ready()
        with evenly(bench.settings, 40, partial(closing, bench)) as sent:
            for number in range(2 * kills):
                time.sleep(rng.uniform(0.3, 2.0))  # a kill at any moment
                worker = workers["meter" if number % 2 else "usage"]
                worker.signal(signal.SIGKILL)
                worker.await_kill()
                worker.start()
                worker.wait_ready()

        def all_counted() -> bool:
            found = read(bench)
            return found is not None and found.waiting == 0 and not found.apart

        expected = len(sent) * len(CALLS)
        until(lambda: len(calls(bench)) == expected, "every call to be an event", 60)
        until(all_counted, "every call to be in a window", 60)
    finally:
        for worker in workers.values():
            worker.stop()
    found = costs.added((each.event for each in calls(bench)), costs.BY["tenant"])
    assert (found.repeated, found.total.calls) == (0, expected)
    with client.reader(bench.settings) as consumer:
        kept = reconciling.kept(bench.settings, consumer)
    assert kept is not None
    total = {name: sum(row[name] for row in kept.rows.values()) for name in reconciling.COUNTED}
    assert total == {
        "calls": expected,
        "input": len(sent) * sum(each.input_tokens for each in CALLS),
        "cached": len(sent) * sum(each.cached_tokens for each in CALLS),
        "output": len(sent) * sum(each.output_tokens for each in CALLS),
        "cost": len(sent) * sum(each.cost_nanos or 0 for each in CALLS),
        "unpriced": len(sent),
    }


def calls(bench: Bench) -> list[costs.Recorded]:
    with client.reader(bench.settings) as consumer:
        return [*costs.recorded(consumer, bench.codec)]


def read(bench: Bench) -> reconciling.Reconciled | None:
    with client.reader(bench.settings) as consumer:
        kept = reconciling.kept(bench.settings, consumer)
    return None if kept is None else reconciling.reconciled(calls(bench), kept, 0)


def test_a_record_that_cannot_be_counted_is_a_dead_letter_and_those_behind_it_are_counted(
    bench: Bench,
) -> None:
    admin.apply_topics(bench.settings, opening.stages(bench.settings))
    now, tenant = int(time.time() * 1000), f"t-{bench.prefix}"

    def usage(number: int, at: int) -> UsageRecorded:
        return UsageRecorded(
            usage_id=f"u{number}", tenant=tenant, user=None, subject="r", used=CALLS[0], at=at
        )

    codec, topic = bench.codec, topics.RAG_USAGE.name
    sent = [codec.encode(topic, usage(n, 2**62 if n == 2 else now)) for n in range(5)]
    sent.insert(1, b"rubbish")
    for value in sent:
        bench.produce(value, tenant.encode(), topic=topic)
    bench.flush()
    worker = WorkerOf(
        bench.settings.model_copy(update={"worker": "usage"}), "streams.cli", "run", "usage"
    )
    try:
        worker.start()
        until(lambda: len(letters(bench, tenant)) == 2, "both dead letters", 60)
        until(lambda: counted(bench, tenant) == 4, "the others to be counted", 60)
    finally:
        worker.stop()
    rubbish, absurd = letters(bench, tenant)
    assert (rubbish.stage, rubbish.topic, rubbish.value) == ("usage", topic, b"rubbish")
    assert "a bug in usage" in absurd.reason and absurd.value == sent[3]


def letters(bench: Bench, tenant: str) -> list[DeadLettered]:
    found = [bench.codec.decode(topics.RAG_DLQ, r.value) for r in bench.records(topics.RAG_DLQ)]
    return [each for each in found if each.key == tenant.encode()]


def counted(bench: Bench, tenant: str) -> int:
    with client.reader(bench.settings) as consumer:
        kept = reconciling.kept(bench.settings, consumer)
    rows = kept.rows.items() if kept else ()
    return sum(row["calls"] for (name, _), row in rows if name.split(BETWEEN)[0] == tenant)


@pytest.mark.drill
@pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="takes 3 minutes: run `make drill`")
def test_windows_equal_the_events_after_a_kill_of_either_worker(bench: Bench) -> None:
    windows_after(bench, 1, random.Random(5))


@pytest.mark.drill
@pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="takes 3 minutes: run `make drill`")
def test_windows_equal_the_events_after_ten_kills_of_either_worker(bench: Bench) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10_000))
    print(f"SEED={seed}")
    windows_after(bench, 10, random.Random(seed))
