"""The stage that the runtime is tested with: it copies, and does what a record's body tells it.

`python -m tests.system.copying CONCURRENCY SLOW` runs it as the production worker process does.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from processors.places import QUESTIONS
from schemas.events import DeadLettered, DocumentFed
from schemas.topics import document_key
from streams.app.settings import Settings, load
from streams.flow.errors import Reject
from streams.flow.outcome import Promise, Received
from streams.flow.slow import SlowLanes
from streams.flow.stage import Stage, edge_stage, record_stage
from streams.flow.topic import MIB, Topic

Copy = Callable[[DocumentFed], Iterable[DocumentFed]]


def source(prefix: str) -> Topic[DocumentFed]:
    return Topic(f"{prefix}.in", DocumentFed, document_key, edge=True)


def copies(prefix: str) -> Topic[DocumentFed]:
    return Topic(f"{prefix}.out", DocumentFed, document_key)


def dead_letters(prefix: str) -> Topic[DeadLettered]:
    return Topic(
        f"{prefix}.dlq",
        DeadLettered,
        lambda letter: f"{letter.topic}/{letter.partition}",
        max_bytes=2 * MIB,
    )


def obey(event: DocumentFed) -> Iterable[DocumentFed]:
    """Copy the event, the title saying who did, after what its body says in its first line.

    That is nothing, `sleep SECONDS`, `reject REASON`, or `fail PATH`, `die PATH`: until that file
    exists.
    """
    verb, _, argument = (event.body or "").partition("\n")[0].partition(" ")
    if verb == "sleep":
        time.sleep(float(argument))
    elif verb == "reject":
        raise Reject(argument)
    elif verb == "fail" and not Path(argument).exists():
        raise ZeroDivisionError("a bug in the processor")
    elif verb == "die" and not Path(argument).exists():
        ctypes.string_at(0)  # a segmentation fault
    yield replace(event, title=str(os.getpid()))


def copying(
    prefix: str,
    run: Copy = obey,
    *,
    name: str = "copy",
    reads: Topic[DocumentFed] | None = None,
    writes: Topic[DocumentFed] | None = None,
    promise: Promise[DocumentFed, DocumentFed] | None = None,
    concurrency: int = 1,
) -> Stage:
    """A stage from `PREFIX.in` to `PREFIX.out`, unless other topics are given."""
    return record_stage(
        name,
        reads=reads or source(prefix),
        make=lambda _: run,
        writes=writes or copies(prefix),
        dead_letters=dead_letters(prefix),
        place=QUESTIONS,
        promise=promise,
        concurrency=concurrency,
    )


def sharing(prefix: str, lanes: int) -> Stage:
    """The same with slow lanes: those who sleep go there, each on its tenant's account."""

    def share(record: Received[DocumentFed]) -> str | None:
        slow = (record.event.body or "").startswith("sleep ")
        return record.event.tenant if slow else None

    return edge_stage(
        "copy",
        reads=source(prefix),
        make=lambda _: lambda record: obey(record.event),
        writes=copies(prefix),
        dead_letters=dead_letters(prefix),
        place=QUESTIONS,
        slow=SlowLanes(share=share, lanes=lanes, budget_s=2.0),
    )


def main() -> int:
    from streams.app import host, opening

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    settings = load()
    concurrency, slow = map(int, sys.argv[1:])

    def stages(_settings: Settings) -> list[Stage]:
        prefix = settings.group_prefix
        return [sharing(prefix, slow) if slow else copying(prefix, concurrency=concurrency)]

    opening.stages = stages  # everything else is the production worker's
    return host.run(settings, ["copy"])


if __name__ == "__main__":
    sys.exit(main())
