"""Queueing formulas against a simulation of single events, and what a plan makes of them."""

from __future__ import annotations

import heapq
import json
import math
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.app import opening
from streams.app.settings import load
from streams.cli.planning import app
from streams.flow.errors import UserError
from streams.release.capacity.plan import BUSY, Load, Plan, Prices, plan
from streams.release.capacity.queueing import erlang_c, mean_wait, wait_quantile, workers_for
from streams.release.capacity.rates import RESULTS, measured

STAGES = opening.stages(load())
SEED = 20261128
ARRIVALS = 120_000


def simulated(
    servers: int,
    rate: float,
    service: Callable[[random.Random], float],
    arrivals: int = ARRIVALS,
) -> list[float]:
    """Seconds that each of many arrivals waits, sorted; whoever comes first is served first."""
    chance = random.Random(SEED)
    free, now, waits = [0.0] * servers, 0.0, list[float]()
    for _ in range(arrivals):
        now += chance.expovariate(rate)
        begun = max(now, heapq.heappop(free))
        waits.append(begun - now)
        heapq.heappush(free, begun + service(chance))
    return sorted(waits[arrivals // 20 :])  # without the start, when nobody waited


def exponential(mean: float) -> Callable[[random.Random], float]:
    return lambda chance: chance.expovariate(1 / mean)


# Of many servers few arrivals wait, and those that do come together: it takes more of them for a
# standard error of 3 %.
@pytest.mark.parametrize(
    ("servers", "busy", "arrivals"),
    [(1, 0.5, ARRIVALS), (1, 0.8, ARRIVALS), (4, 0.7, ARRIVALS), (16, 0.7, 8 * ARRIVALS)],
)
def test_the_formulas_agree_with_a_simulation(servers: int, busy: float, arrivals: int) -> None:
    service = 0.05
    rate = busy * servers / service
    waits = simulated(servers, rate, exponential(service), arrivals)
    mean, late = sum(waits) / len(waits), waits[int(0.99 * len(waits))]
    assert mean_wait(servers, rate, service) == pytest.approx(mean, rel=0.1), f"{SEED=}"
    assert wait_quantile(0.99, servers, rate, service) == pytest.approx(late, rel=0.15), f"{SEED=}"
    waited = sum(each > 0 for each in waits) / len(waits)
    assert erlang_c(servers, rate * service) == pytest.approx(waited, rel=0.05), f"{SEED=}"


@pytest.mark.parametrize(("servers", "variation"), [(1, 0.0), (4, 0.0), (1, 1 / 3), (4, 1 / 3)])
def test_steady_service_halves_the_wait(servers: int, variation: float) -> None:
    service, busy = 0.05, 0.8
    spread = service * math.sqrt(3 * variation)  # of a uniform one, to both sides
    rate = busy * servers / service
    waits = simulated(servers, rate, lambda c: c.uniform(service - spread, service + spread))
    found = sum(waits) / len(waits)
    assert mean_wait(servers, rate, service, variation) == pytest.approx(found, rel=0.15), SEED


def test_one_and_two_servers_are_as_their_closed_forms_say() -> None:
    for busy in (0.1, 0.5, 0.85, 0.99):
        assert erlang_c(1, busy) == pytest.approx(busy)
        assert erlang_c(2, 2 * busy) == pytest.approx(2 * busy**2 / (1 + busy))


def test_at_its_capacity_a_queue_has_no_end() -> None:
    assert mean_wait(2, 40, 0.05) == wait_quantile(0.5, 2, 41, 0.05) == math.inf
    assert wait_quantile(0.99, 50, 1, 0.05) == 0.0, "nobody waits"


def test_workers_with_a_queue_each_keep_what_is_promised_of_them() -> None:
    """A key has one worker: they cannot help each other, as the servers of M/M/c do."""
    rate, service = 300.0, 0.05
    workers = workers_for(rate, service, 0.5, BUSY)
    waits = simulated(1, rate / workers, exponential(service))
    assert waits[int(0.99 * len(waits))] <= 0.5 * 1.1, f"{SEED=}"
    fewer = simulated(1, rate / (workers - 2), exponential(service))
    assert fewer[int(0.99 * len(fewer))] > 0.5 or rate * service / (workers - 2) > BUSY


def planned(questions: float, documents: float = 1e6, changes: float = 1e5) -> Plan:
    return plan(STAGES, Load(questions, documents, changes, 10), measured(), Prices())


def test_every_stage_is_in_the_plan_and_none_is_too_busy() -> None:
    found = planned(1e6)
    assert [each.stage for each in found.needs] == [stage.name for stage in STAGES]
    for each in found.needs:
        assert each.workers >= 1 and each.busy <= BUSY
        assert found.partitions >= each.workers, "each worker has a partition"
    assert found.cores == pytest.approx(sum(each.cores for each in found.needs))
    assert found.cost > 0 and found.sources


def test_more_questions_need_more() -> None:
    little, much = planned(1e6), planned(1e8)
    workers = {each.stage: each.workers for each in little.needs}
    assert all(each.workers >= workers[each.stage] for each in much.needs)


@pytest.mark.parametrize(("questions", "changes"), [(1e5, 5e4), (1e7, 0), (1e8, 1e5), (0, 1e9)])
def test_what_is_first_to_be_short_is_short_just_above_the_load_that_is_named(
    questions: float, changes: float
) -> None:
    found = planned(questions, changes=changes)
    said = re.fullmatch(
        r"(\S+): [\d,]+ workers are \d+% busy at the peak; above ([\d,]+) (questions|changes) a "
        r"day it needs more, before any other stage",
        found.first,
    )
    assert said, found.first
    named = float(said[2].replace(",", ""))
    grown = named / (questions if said[3] == "questions" else changes)

    def short(times: float) -> list[str]:
        more = planned(questions * times, changes=changes * times)
        return [
            now.stage
            for then, now in zip(found.needs, more.needs, strict=True)
            if now.workers > then.workers
        ]

    assert short(grown * 0.9999) == []
    assert said[1] in short(grown * 1.0001)


def test_where_nothing_is_asked_nothing_is_short() -> None:
    assert planned(0, documents=0, changes=0).first == "nothing is asked of any stage"


@pytest.mark.parametrize("option", ["--questions-per-day", "--changes-per-day", "--peak"])
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_load_without_end_is_refused(option: str, value: str) -> None:
    options = {"--questions-per-day": "1", "--documents": "1"} | {option: value}
    ran = CliRunner().invoke(app, [part for each in options.items() for part in each])
    assert ran.exit_code == 2, ran.output


def test_a_million_questions_a_minute_and_a_billion_chunks_are_within_reach() -> None:
    chunks = measured().chunks_a_document
    found = planned(1e6 * 60 * 24, documents=1e9 / chunks, changes=1e6)
    assert max(each.workers for each in found.needs) > 1000
    assert found.storage_gib["vectors"] == pytest.approx(1e9 * 4 * 384 / 1024**3, rel=0.01)
    assert all(count >= 1 for count in found.gpus.values())
    assert sorted(found.gpus.values()) == [*found.gpus.values()], "a larger model needs no fewer"


def test_a_result_that_is_not_there_or_says_nothing_is_named(tmp_path: Path) -> None:
    for name in ("runtime", "ingest", "ask"):
        shutil.copy(RESULTS / f"{name}.json", tmp_path)
    assert measured(tmp_path) == measured()
    said = json.loads((tmp_path / "ask.json").read_text())
    del said["details"]["questions_per_s_bare"]
    (tmp_path / "ask.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match="questions_per_s_bare"):
        measured(tmp_path)
    (tmp_path / "ask.json").unlink()
    with pytest.raises(UserError, match="millrace bench ask"):
        measured(tmp_path)
