from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.bench import overload, render, report, revoke, soak
from evaluation.bench.measures import Latency, percentile
from evaluation.bench.report import Figure, Findings, Setting, Target
from evaluation.bench.reranked import SETTLED_S, Through
from evaluation.stages import to_search
from schemas.events import AnswerStatus, GenerationRequested, QuestionAnswered, Usage
from streams.release.versions import versions

ROOT = Path(__file__).parents[3]


def as_report(*figures: Figure, quick: bool = False) -> dict[str, Any]:
    return report.as_json("hops", Findings(figures), Setting.here(), 1.0, quick=quick)


def answered(
    query: str, status: AnswerStatus = "answered", *reasons: str, answer: str = ""
) -> QuestionAnswered:
    return QuestionAnswered(
        request_id=query, tenant="t", status=status, answer=answer, citations=[],
        reasons=[*reasons], degraded=[], tier="local", model="m", versions=versions("main"),
        usage=Usage(input_tokens=0, output_tokens=0, cost=0.0), timings_ms={}, answered_at=0,
    )  # fmt: skip


def test_percentiles_lie_between_the_samples() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.5
    assert percentile([5.0], 0.99) == 5.0
    latency = Latency.of([float(each) for each in range(101)])
    assert (latency.p50, latency.p99, latency.most) == (50.0, 99.0, 100.0)


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("a", 6.0, "x", 10.0, target=Target("ratio", "at least", 0.5)), True),
        (Figure("a", 4.0, "x", 10.0, target=Target("ratio", "at least", 0.5)), False),
        (Figure("a", 40.0, "ms", target=Target("value", "at most", 40)), True),
        (Figure("a", 41.0, "ms", 1.0, target=Target("value", "at most", 40)), False),
        (Figure("a", 1.0, "ms", target=Target("ratio", "at most", 40)), False),  # nothing to judge
        (Figure("a", 1.0, "ms"), None),
    ],
)
def test_a_target_is_met_or_missed(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_the_table_has_a_row_for_each_figure_and_none_of_quick_runs() -> None:
    figure = Figure(
        "p50", 28.25, "ms", 2.5, "one produce and consume", Target("value", "at most", 40)
    )
    rows = render.table([as_report(figure), as_report(figure, quick=True)]).splitlines()
    assert len(rows) == 3
    assert (
        "| `hops` | p50 | 28.2 ms | 2.50 (one produce and consume) | 11.30 | ≤ 40 | met |"
        in (rows[2])
    )


@pytest.mark.system
def test_the_runtime_bench_writes_figures_that_can_be_judged(tmp_path: Path) -> None:
    output = tmp_path / "results" / "runtime.json"
    command = [sys.executable, "-m", "streams.cli", "bench", "runtime", "--quick", "--output"]
    done = subprocess.run(
        [*command, str(output)], cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert found["bench"] == "runtime"
    assert found["quick"] is True
    (figure,) = [each for each in found["figures"] if each["name"].startswith("exactly once")]
    assert figure["unit"] == "events/s"
    assert figure["value"] > 0
    assert figure["ratio"] == pytest.approx(figure["value"] / figure["limit"], rel=0.01)
    assert figure["met"] is (figure["ratio"] >= 0.45)
    assert {"cpu", "cores", "memory_gb", "load_average"} <= found["machine"].keys()
    assert found["command"].startswith("millrace bench runtime")
    assert found["versions"]["confluent-kafka"]
    assert found["commit"]
    assert "exactly once" in done.stdout


def test_a_question_that_is_answered_without_chunks_is_lost_and_named() -> None:
    def reranked(query: str) -> GenerationRequested:
        carried = to_search(query, "t", query).carried
        return GenerationRequested(carried=carried, candidates=[], tier="local", model="m")

    through = Through(["a", "b", "c"])
    through.waiting |= {"a", "b", "c"}
    through.hear(answered("b", "refused", "query has 6,800 characters"), 0.0)
    through.hear(answered("c", "answered"), 0.0)
    through.hear(reranked("a"), 0.0)
    through.give_up(SETTLED_S / 2)
    assert through.waiting == {"b", "c"}
    through.hear(reranked("c"), SETTLED_S / 2)  # of another topic: read after the answer
    through.give_up(SETTLED_S * 2)
    assert through.waiting == set()
    assert list(through.found) == ["a", "c"]
    assert through.lost == {"b": "was refused: query has 6,800 characters"}


def test_a_soak_holds_its_last_third_against_the_first_of_what_is_warm() -> None:
    def look(minute: int, memory: float) -> dict[str, float]:
        found = dict.fromkeys((*soak.UNITS, "asked", "changed"), 100.0)
        return found | {"memory": memory, "minute": float(minute)}

    flat = [look(0, 10), *(look(n, 1000 + n) for n in range(1, 12))]
    grows = [look(n, 1000 + 30 * n) for n in range(12)]
    met = [{each.name: each.met for each in soak.figures(looks)} for looks in (flat, grows)]
    assert met[0]["memory, last third"] is True
    assert met[1]["memory, last third"] is False
    assert met[0]["handles, last third"] is True
    assert met[0]["kafka, last third"] is None, "it grows until records are old enough"


def test_what_was_revoked_is_judged_by_when_it_was_gone_and_whether_it_was_told() -> None:
    secret = revoke.Secret(7)
    told = answered("r", answer=f"It is {secret.told[0]}.")
    assert secret.is_told(told) and not revoke.Secret(8).is_told(told)
    for kind in revoke.KINDS:
        after = secret.becoming(kind)
        assert (after.doc_id, after.acl) == (
            secret.document.doc_id,
            ["board"] if kind == "closed" else None,
        )
        assert not any(each in (after.body or "") for each in secret.told)

    def met(told_by: str = "", slow: float = 0.0) -> dict[str, bool]:
        samples = revoke.Samples({"closed": [40.0] * 9 + [40.0 + slow]}, [60.0] * 10)
        samples.asked.update({"the index": 10, "a session": 10})
        samples.told.update([told_by])
        found = revoke.figures("idle", samples)
        return {each.name: each.met for each in found if each.met is not None}

    assert {*met().values()} == {True} and len(met()) == 4
    assert not met(told_by="a session")["told by a session of 10 asked at that moment, idle"]
    assert not met(slow=900.0)["closed until no index shows it, idle, p99"]


def test_an_overload_is_judged_by_who_was_let_in_and_how_soon_the_others_knew() -> None:
    options = overload.Options(None, 1, 10.0, 5.0, 10.0)

    def met(took: dict[str, list[float]], unheard: int = 0, grows: float = 0.0) -> dict[str, Any]:
        looks = [
            {"lag": 100 + grows * n, "memory": 1000 + 10 * grows * n} for n in range(30)
        ]  # a second each
        heard = {"took": took, "unheard": unheard}
        found = overload.figures(heard, looks, 10.0, options)
        return {each.name: each.met for each in found if each.met is not None}

    good = {"answered": [4000.0] * 60, "abstained": [9000.0] * 40, "refused": [20.0] * 400}
    assert {*met(good).values()} == {True} and len(met(good)) == 6
    late = good | {"answered": [12_000.0] * 60}
    assert met(late)["admitted and answered within the deadline"] is False
    expired = good | {"expired": [10_000.0] * 50}
    assert met(expired)["admitted and answered within the deadline"] is False
    assert met(good | {"answered": [1.0] * 20})["answered a second"] is False
    assert met(good | {"refused": [5000.0] * 400})["refused, p99"] is False
    assert met(good, unheard=1)["never heard of"] is False
    growing = met(good, grows=20.0)
    assert growing["offsets behind, last third"] is False
    assert growing["memory, last third"] is False
