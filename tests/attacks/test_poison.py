"""Records that kill the process which works on them, or bring out a bug."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from schemas.events import DocumentFed
from streams.edge import holding
from streams.runtime.faults import MOST_TRIES
from tests.system.copying import copying, obey
from tests.system.harness import Bench, WorkerOf, fed, load_of, until

NEVER = "/nowhere/at/all"
DEATHS = 2 + MOST_TRIES  # in the midst of its work, at the start of it, and three times alone


def kept_running(bench: Bench, workers: list[WorkerOf], most: int = 12) -> int:
    """Start one worker after another, each when the one before has died, until all is consumed.

    Returns how many died.
    """
    for deaths in range(most):
        worker = workers[deaths % len(workers)]
        worker.start()
        try:
            until(lambda one=worker: not one.alive or bench.lag() == 0, "an end or a death")
            if worker.alive:
                return deaths
        finally:
            worker.stop()
    raise AssertionError(f"not all was consumed after {most} deaths")


def test_a_record_that_kills_the_process_stops_its_partition_on_no_host(
    bench: Bench, tmp_path: Path
) -> None:
    healthy = load_of(60)
    bench.send(healthy[:30])
    deadly = fed(3, 99, f"die {NEVER}")
    bench.send([deadly, *healthy[30:]])
    # A worker of another name is no successor of the first: it waits for its session to time out.
    hosts = [
        bench.process(name, data=tmp_path / name, session_timeout_ms=2000)
        for name in ("one", "two", "three")
    ]

    assert kept_running(bench, hosts) <= DEATHS

    bench.assert_copied(60)
    (letter,) = bench.dead()
    assert letter.stage == "copy" and letter.key == b"t/3"
    assert letter.value == bench.codec.encode(bench.source.name, deadly)
    assert "ended 3 times while copy worked on this record and nothing else" in letter.reason


def test_kills_soon_after_each_start_make_no_dead_letter_of_a_healthy_record(bench: Bench) -> None:
    events = load_of(600)
    events[0] = replace(events[0], body="sleep 0.9")  # in work whenever a kill comes
    bench.send(events[:300])
    worker = bench.process("w", max_batch=20)
    for _ in range(2 + MOST_TRIES):
        worker.start()
        worker.wait_ready()
        time.sleep(0.3)
        worker.signal(signal.SIGKILL)
        worker.await_kill()
    bench.send(events[300:])
    worker.start()
    bench.await_consumed()
    worker.stop()

    bench.assert_copied(600)
    assert bench.dead() == []


def test_a_bug_on_one_record_costs_that_record_and_nobody_else(bench: Bench) -> None:
    bench.send([fed(0, 0), fed(1, 0, f"fail {NEVER}"), fed(1, 1), *load_of(20)])

    with bench.working(copying(bench.prefix)):
        bench.await_consumed()

    bench.assert_copied_each([fed(0, 0), fed(1, 1), *load_of(20)])
    (letter,) = bench.dead()
    assert letter.reason == "a bug in copy: ZeroDivisionError: a bug in the processor"
    assert "ZeroDivisionError" in letter.detail and "obey" in letter.detail
    assert letter.attempts == MOST_TRIES


def test_a_bug_on_every_record_makes_no_dead_letters_of_them_all(bench: Bench) -> None:
    broken = threading.Event()
    broken.set()

    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        if broken.is_set():
            raise OSError("the store was opened wrongly")
        return obey(event)

    bench.send(load_of(20))
    with bench.working(copying(bench.prefix, run), failing=True) as worker:
        until(lambda: worker.failure, "the worker to end")
    assert isinstance(worker.failure, OSError)
    assert bench.copied() == [] and bench.dead() == []

    broken.clear()
    with bench.working(copying(bench.prefix)):
        bench.await_consumed()
    bench.assert_copied(20)
    assert bench.dead() == []


def test_an_operator_sets_a_record_aside_by_hand(bench: Bench, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    bench.send([fed(0, 0), fed(0, 1, f"die {mended}"), fed(0, 2)])
    worker = bench.process("w")
    for _ in range(3):
        worker.start()
        assert worker.await_end() == -signal.SIGSEGV

    stages = [copying(bench.prefix)]
    (held,) = holding.held(bench.settings, stages)
    assert (held.stage, held.topic, held.offset) == ("copy", bench.source.name, 1)
    holding.set_aside(bench.settings, stages, "copy", held.topic, held.partition, 1, "of no use")
    worker.start()
    bench.await_consumed()
    worker.stop()

    bench.assert_copied_each([fed(0, 0), fed(0, 2)])
    (letter,) = bench.dead()
    assert letter.offset == 1 and letter.reason == "set aside by hand: of no use"
    assert holding.held(bench.settings, stages) == []
    assert not mended.exists()
