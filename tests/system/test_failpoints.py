"""SIGKILL at every named point of a worker's loop: nothing is lost, doubled or out of order."""

from __future__ import annotations

import time

import pytest

from streams.runtime.failpoints import POINTS
from tests.system.harness import Bench, load_of

COUNT = 400
# Both are far longer than the takeover may take: it must come from fencing, not from waiting.
SLOW_TIMEOUTS = {"session_timeout_ms": 40_000, "transaction_timeout_ms": 60_000}
TAKEOVER_S = 15.0  # measured: well under a second once the process is up


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at(point: str, bench: Bench) -> None:
    events = load_of(COUNT)
    bench.send(events[: COUNT // 2])
    options = {**SLOW_TIMEOUTS, "max_batch": 25, "failpoint": f"copy:{point}:3"}

    first = bench.process("w", **options)
    first.start()
    first.await_kill()

    marker = bench.settings.data / "run" / f"failpoint.copy.{point}"
    assert marker.read_text() == str(first.pid)
    least = 0 if point == "after_poll" else 25  # others are first reached two commits before
    assert least <= bench.committed() < COUNT // 2, "it was killed in the midst of its work"
    bench.send(events[COUNT // 2 :])
    second = bench.process("w", **options)
    second.start()
    try:
        second.wait_ready()
        ready = time.monotonic()
        bench.await_consumed(TAKEOVER_S)
        print(f"killed at {point}: all consumed {time.monotonic() - ready:.2f} s after ready")
    finally:
        second.stop()

    bench.assert_copied(COUNT)
    assert not bench.dead()
