"""Stages that stand still: seen, named, and mended without a restart."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable

from schemas.events import DocumentFed
from streams.edge import holding
from streams.flow.errors import Retry
from streams.local.child import Ports
from tests.system.copying import copying
from tests.system.harness import Bench, fed, until


def readiness(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return json.load(error)
    except OSError:  # not up yet
        return {}


def test_a_stage_that_gets_nowhere_is_not_ready_and_names_its_record(bench: Bench) -> None:
    port = Ports(bench.settings.data).choose("http", 0, "")
    bench.send([fed(0, 0, "sleep 4"), fed(0, 1)])
    worker = bench.process("w", http_port=port, stalled_s=0.8)
    worker.start()
    until(
        lambda: readiness(port) == {"ready": False, "stalled": ["copy"], "disk_full": False},
        "it to be seen",
    )
    until(lambda: "nothing is done of what is in hand" in worker.log.read_text(), "it to be said")
    line = next(x for x in worker.log.read_text().splitlines() if "nothing is done" in x)
    assert json.loads(line)["offset"] == 0
    until(
        lambda: readiness(port) == {"ready": True, "stalled": [], "disk_full": False}, "it to go on"
    )
    worker.stop()
    bench.assert_copied(2, keys=1)


def test_a_record_that_waits_for_ever_is_set_aside_by_hand_without_a_restart(
    bench: Bench,
) -> None:
    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        if event.body:
            raise Retry("its store never comes back")
        yield event

    stage = copying(bench.prefix, run)
    bench.send([fed(0, 0), fed(0, 1, "stuck"), fed(0, 2)])
    with bench.working(stage, stalled_s=0.5, retry_backoff_max_ms=100, retry_attempts=10**6):
        until(lambda: bench.committed() == 1, "the first to be done")
        partition = bench.records(bench.source)[0].partition
        holding.set_aside(
            bench.settings, [stage], "copy", bench.source.name, partition, 1, "no such store"
        )
        bench.await_consumed()
    bench.assert_copied_each([fed(0, 0), fed(0, 2)])
    (letter,) = bench.dead()
    assert letter.reason == "set aside by hand: no such store"
