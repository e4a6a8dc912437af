"""A record is counted or becomes a dead letter: it is not passed by, whatever is raised.

Faust takes a record for done even where its agent raised. So this one says itself when it is.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs]

from schemas.events import DeadLettered, RecordHeader
from streams.app.windows import NAME
from streams.flow.errors import Reject, Retry
from streams.flow.masking import masked
from streams.runtime.record import Record, now_ms
from streams.runtime.telemetry import DEAD_LETTERS, RETRIES

MOST_TRIES = 3  # of a record that a bug shows on
PAUSE_S, LONGEST_S = 0.5, 10.0
PASSING = (Retry, KafkaError, OSError, TimeoutError)
"""What is over once something outside answers again: tried for as long as that takes."""
log = logging.getLogger("millrace.usage")

Work = Callable[[Record], Awaitable[None]]
Aside = Callable[[DeadLettered], Awaitable[None]]


async def surely(
    record: Record,
    work: Work,
    aside: Aside,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Work on a record until it is done, or until it is a dead letter.

    Where it is cancelled it is neither, and comes again.
    """
    tries, wait = 0, PAUSE_S
    while True:
        try:
            await work(record)
            return
        except Reject as failure:
            await _put(record, failure, tries + 1, aside, pause)
            return
        except PASSING as failure:
            _told(record, failure)
        except Exception as bug:
            tries += 1
            log.error("a bug on one record of rag.usage", exc_info=bug, extra=_place(record))
            if tries == MOST_TRIES:
                await _put(record, bug, tries, aside, pause)
                return
        RETRIES.labels(NAME).inc()
        await pause(wait)
        wait = min(wait * 2, LONGEST_S)


async def _put(
    record: Record,
    failure: Exception,
    tries: int,
    aside: Aside,
    pause: Callable[[float], Awaitable[None]],
) -> None:
    """Write the dead letter, for as long as that takes."""
    letter, wait = _letter(record, failure, tries), PAUSE_S
    while True:
        try:
            await aside(letter)
            break
        except Exception as why:
            _told(record, why)
            await pause(wait)
            wait = min(wait * 2, LONGEST_S)
    DEAD_LETTERS.labels(NAME).inc()
    log.error("a record of rag.usage is a dead letter: %s", letter.reason, extra=_place(record))


def _letter(record: Record, failure: Exception, tries: int) -> DeadLettered:
    said = str(failure) or type(failure).__name__
    if not isinstance(failure, Reject):
        said = f"a bug in {NAME}: {type(failure).__name__}: {failure}"
    return DeadLettered(
        stage=NAME,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=[RecordHeader(key=name, value=value) for name, value in record.headers],
        reason=_text(said),
        detail=""
        if isinstance(failure, Reject)
        else _text("".join(traceback.format_exception(failure))),
        attempts=tries,
        failed_at=now_ms(),
    )


def _told(record: Record, why: Exception) -> None:
    said = f"{type(why).__name__}: {why}"
    log.warning("to be tried again", extra=_place(record) | {"stage": NAME, "reason": said})


def _place(record: Record) -> dict[str, object]:
    return {"partition": record.partition, "offset": record.offset}


def _text(said: str) -> str:
    return masked(said.encode("utf-8", "backslashreplace").decode())
