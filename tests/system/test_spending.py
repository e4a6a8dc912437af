"""Money through kills of who spends it: the worker that asks a model, killed at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest
import yaml

from connectors.openai_compatible.port import TiersSettings
from connectors.redis.port import RedisSettings, ledger
from processors.money.periods import bounds
from processors.money.ports import Standing
from schemas import topics
from schemas.events import GenerationRequested, UsageRecorded
from schemas.money import NANOS
from streams.app import opening, policies
from streams.app.settings import Settings
from streams.edge import admin, client, costs, reconciling
from streams.flow.port import Opening
from streams.local.redis import RedisServer
from streams.local.worker_process import environment
from streams.runtime.record import Output
from tests.support import model_server
from tests.support.candidates import candidate
from tests.support.model_server import ModelServer
from tests.support.question_events import carried, question
from tests.system.harness import Bench, WorkerOf, evenly, until

LIMIT = "The cash limit of a Classic card is 600 euros."
FOREVER = 2**60
HARD, WORST = 0.3, 0.012  # of the tenant, and of a call: 500 tokens and some kilobytes at most
MODEL = {"input": 2.0, "output": 10.0}
PER_SECOND = 20.0


class Spender(WorkerOf):
    """A worker that knows where Redis is."""

    def environment(self) -> dict[str, str]:
        return environment(self._settings, [RedisSettings.section])


def settings_of(bench: Bench, redis: RedisServer, server: ModelServer, tenant: str) -> Settings:
    """A tier with a price, and a tenant with a budget that will not do for all of its questions."""
    folder = bench.settings.data / "policies"
    shutil.copytree(policies.SHIPPED, folder)
    prices, tenants = folder / "prices.yaml", folder / "tenants.yaml"
    said = yaml.safe_load(prices.read_text())
    said["models"]["told"] = MODEL
    prices.write_text(yaml.safe_dump(said))
    said = yaml.safe_load(tenants.read_text())
    said["tenants"] = {tenant: {"budget": {"period": "month", "hard": HARD}}}
    tenants.write_text(yaml.safe_dump(said))
    tiers = {"local": {"url": server.url, "model": "told", "concurrency": 8}}
    chosen = bench.settings.model_copy(update={"policies": folder, "tier": "local"})
    chosen = chosen.model_copy(update={"tiers": TiersSettings.model_validate(tiers)})
    return chosen.having(RedisSettings, url=redis.url, kept_url=redis.url)


def asking(bench: Bench, tenant: str, number: int) -> Output:
    """A question that comes to the tier."""
    asked = replace(
        question("What is the cash limit?", tenant=tenant),
        request_id=f"r{number}",
        deadline_at=FOREVER,
    )
    event = GenerationRequested(
        carried=carried(asked), candidates=[candidate(LIMIT)], tier="local", model="told"
    )
    topic = topics.RAG_GENERATE.named("local")
    return client.edge_output(bench.codec, topic, event, f"{tenant}.{number}")


def usage_of(bench: Bench, tenant: str) -> list[UsageRecorded]:
    with client.reader(bench.settings) as consumer:
        found = [*costs.recorded(consumer, bench.codec)]
    return [each.event for each in found if each.event.tenant == tenant]


def standing_of(settings: Settings, tenant: str) -> Standing:
    begins, _ = bounds("month", int(time.time() * 1000))
    with ExitStack() as stack:
        kept = ledger(settings.of(RedisSettings), Opening(settings.data, stack))
        return kept.standing(tenant, begins)


@pytest.mark.drill
@pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="takes 3 minutes: run `make drill`")
def test_ten_kills_of_who_asks_a_model_overspend_by_one_reservation_and_lose_no_usage(
    bench: Bench, redis: RedisServer
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10_000))
    print(f"SEED={seed}")
    rng, tenant = random.Random(seed), f"spender-{seed}"
    with model_server.serving() as server:
        server.says = lambda _: f"{LIMIT} [1]"
        server.pause_s = 0.01  # before each word: a kill finds calls under way
        settings = settings_of(bench, redis, server, tenant)
        admin.apply_topics(settings, opening.stages(settings))
        workers = {
            name: Spender(settings.model_copy(update={"worker": name}), "streams.cli", "run", name)
            for name in ("generate.local", "meter", "usage")
        }
        try:
            for worker in workers.values():
                worker.start()
            for worker in workers.values():
                worker.wait_ready()
            overspent: list[int] = []
            killed = workers["generate.local"]
            with evenly(bench.settings, PER_SECOND, partial(asking, bench, tenant)) as sent:
                for _ in range(10):
                    time.sleep(rng.uniform(0.1, 2.0))
                    killed.signal(signal.SIGKILL)
                    killed.await_kill()
                    found = standing_of(settings, tenant)
                    overspent.append(found.spent + found.held)
                    killed.start()
                    killed.wait_ready()
            way = [e for e in opening.stages(settings) if e.name in ("generate.local", "meter")]
            until(lambda: not any(admin.lag(settings, way).values()), "all to be answered", 120)
            until(lambda: _counted(bench, tenant), "every call to be in a window", 60)
        finally:
            for worker in workers.values():
                worker.stop()
    events = usage_of(bench, tenant)
    paid, found = sum(each.used.cost_nanos or 0 for each in events), standing_of(settings, tenant)
    print(
        f"{len(sent)} asked, {len(server.asked)} calls, {len(events)} events, "
        f"{paid / NANOS:.4f} by events, {found} of {HARD}"
    )
    assert len({each.usage_id for each in events}) == len(events) > 0
    assert len({each.subject for each in events}) == len(events), "no question was paid for twice"
    assert max(*overspent, found.spent + found.held) < (HARD + WORST) * NANOS
    assert paid <= found.spent - found.repeated, "each event's call is in the ledger"
    assert found.spent + found.held > (HARD - WORST) * NANOS, "the budget was to be spent"


def _counted(bench: Bench, tenant: str) -> bool:
    """Whether the windows have what the events have, to the token."""
    with client.reader(bench.settings) as consumer:
        kept = reconciling.kept(bench.settings, consumer)
        events = [*costs.recorded(consumer, bench.codec)]
    if kept is None:
        return False
    found = reconciling.reconciled(events, kept, 0)
    return found.waiting == 0 and not [each for each in found.apart if each.tenant == tenant]
