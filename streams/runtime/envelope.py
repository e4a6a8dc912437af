"""CloudEvents in Kafka's binary mode: the headers of what a stage writes.

Every id in them derives from what caused the event, so the same input processed again has the same
outputs.
"""

from __future__ import annotations

import time
from hashlib import blake2b

from streams.runtime.record import Headers, Record

LONGEST_ID = 256  # bytes of a propagated id; a longer one is replaced by its digest

Common = tuple[tuple[str, bytes], ...]
"""The headers that all outputs of one record have in common."""


def cause_of(record: Record) -> tuple[bytes, bytes, bytes]:
    """The id of a record, its correlation id, and its traceparent (empty where none came)."""
    cause = correlation = traceparent = b""
    for name, value in record.headers:
        if name == "ce_id":
            cause = value or b""
        elif name == "correlationid":
            correlation = value or b""
        elif name == "traceparent":
            traceparent = value or b""
    if not cause:  # written by somebody who knows no CloudEvents: its place is its id
        cause = f"{record.topic}/{record.partition}/{record.offset}".encode()
    elif len(cause) > LONGEST_ID:
        cause = _digest(cause)
    if len(correlation) > LONGEST_ID:
        correlation = _digest(correlation)
    return cause, correlation or cause, traceparent


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).hexdigest().encode()


def stamp_of(moment_ms: int) -> bytes:
    """Milliseconds since the epoch as `ce_time` has them (RFC 3339)."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment_ms // 1000))
    return f"{when}.{moment_ms % 1000:03d}Z".encode()


def common(stamp: bytes, cause: bytes, correlation: bytes, traceparent: bytes) -> Common:
    """The headers that follow from what a record was, and when it was processed."""
    return (
        ("ce_time", stamp),
        ("correlationid", correlation),
        ("causationid", cause),
        ("traceparent", traceparent),
    )


class Envelope:
    """Makes the headers of one kind of event that a stage writes."""

    __slots__ = ("_kind", "_seed")

    def __init__(self, stage: str, event: type) -> None:
        self._seed = blake2b(stage.encode() + b"|", digest_size=16)
        self._kind = (
            ("ce_type", b"io.millrace." + event.__name__.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_source", b"/millrace/" + stage.encode()),
            ("content-type", b"application/avro"),
        )

    def headers(self, cause: bytes, ordinal: int, shared: Common) -> Headers:
        """All headers of the `ordinal`-th output of a record: its id follows from stage and cause,
        so it is the same whenever the same input is processed again."""
        event_id = self._seed.copy()
        event_id.update(b"%b|%d" % (cause, ordinal))
        return [("ce_id", event_id.hexdigest().encode()), *self._kind, *shared]
