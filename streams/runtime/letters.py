"""Dead letters: what could not be processed, with all that is needed to try it again."""

from __future__ import annotations

import traceback
from hashlib import blake2b
from typing import Any

from schemas.events import DeadLettered, RecordHeader
from streams.flow.errors import Reject, Retry
from streams.flow.masking import masked
from streams.flow.stage import Stage
from streams.runtime.record import Record

SLACK = 256 * 1024  # bytes of a letter beside the original
LONGEST_REASON = 2000
SECRET = ("authorization",)  # headers that nobody who reads letters may use


def dead_letter(
    stage: Stage, record: Record, event: Any, failure: Reject | Retry, failed_at: int
) -> list[Any]:
    """The dead letter of a record, and the answers that are owed all the same.

    `event` is what the record holds, None where it could not be read.
    """
    # Of another program's words, half a surrogate pair may be one: no text that can be written.
    reason = _text(str(failure) or type(failure).__name__)[:LONGEST_REASON]
    letter = _letter(stage, record, failure, reason, failed_at)
    promise = stage.promise
    if promise is None or (isinstance(failure, Reject) and failure.answered):
        return [letter]
    if event is not None:
        return [letter, *promise.settle(event, "failed", reason)]
    if promise.salvage is not None and record.value:
        return [letter, *promise.salvage(record.value, reason)]
    return [letter]


def _letter(
    stage: Stage, record: Record, failure: Reject | Retry, reason: str, failed_at: int
) -> DeadLettered:
    """The letter itself; an original that its topic cannot hold is cut, and the reason says so."""
    cause = failure.__cause__
    key, value, headers = record.key, record.value, record.headers
    room = stage.dead_letters.max_bytes - SLACK
    size = len(key or b"") + len(value or b"") + sum(len(n) + len(v or b"") for n, v in headers)
    if size > room:
        digest = blake2b(value or b"", digest_size=16).hexdigest()
        reason += f" (its {size:,} bytes are cut here; the value's blake2b-128 is {digest})"
        key, value, headers = (key or b"")[:1024], (value or b"")[: room // 2], ()
    return DeadLettered(
        stage=stage.name,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=key,
        value=value,
        headers=[
            RecordHeader(key=name, value=content)
            for name, content in headers
            if name.casefold() not in SECRET
        ],
        reason=reason,
        detail=_text("".join(traceback.format_exception(cause))) if cause is not None else "",
        attempts=record.attempts,
        failed_at=failed_at,
    )


def _text(said: str) -> str:
    """What can be written, and by anybody be read: events are kept, and go where answers go."""
    return masked(said.encode("utf-8", "backslashreplace").decode())
