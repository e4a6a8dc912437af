"""A real Prometheus beside a worker's port: it records by the rendered rules."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from schemas import measures
from streams.app.host import serve
from streams.app.settings import Settings
from streams.flow.measure import Measured
from streams.local.child import Ports
from streams.local.prometheus import Prometheus, address
from streams.runtime.meters import METERS
from streams.runtime.room import Room
from streams.runtime.telemetry import StageMetrics

PATIENCE_S = 60.0


def asked(data: Path, path: str, **query: str) -> list[Any]:
    """What Prometheus answers, once it is not nothing."""
    until = time.monotonic() + PATIENCE_S
    url = f"{address(data)}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    while time.monotonic() < until:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]
        found = found["result"] if "result" in found else found.get("activeTargets", found)
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"Prometheus has nothing at {url}")


def test_prometheus_records_the_lag_and_knows_every_rule(tmp_path: Path) -> None:
    StageMetrics("retrieve").lag("rag.rewritten", 0, 61)
    METERS.told("generate", Measured(measures.ANSWER_SECONDS, "acme", value=0.3), "ab" * 16)
    port = Ports(tmp_path).choose("metrics", 0, "")
    settings = Settings(data=tmp_path, observe=True)
    (tmp_path / "logs").mkdir()
    room = Room(tmp_path, 0)
    with (
        serve("127.0.0.1", port, lambda: True, list, room),
        Prometheus(settings, {"questions": port}),
    ):
        (depth,) = asked(tmp_path, "query", query="rag_retrieval_queue_depth")
        assert depth["value"][1] == "61"
        (target,) = asked(tmp_path, "targets", state="active")
        assert target["health"] == "up" and target["labels"]["process"] == "questions"
        (count,) = asked(tmp_path, "query", query="millrace_answer_seconds_count")
        assert count["metric"]["tenant"] == "acme"
        found = asked(tmp_path, "rules")
        rules = [rule for group in found["groups"] for rule in group["rules"]]  # type: ignore[call-overload, index]
        assert {"StageStuck", "AnswerTimeBurning"} <= {rule["name"] for rule in rules}
        assert not [rule for rule in rules if rule.get("lastError")]
