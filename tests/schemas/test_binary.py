"""What the compiled functions write and read is Avro, as fastavro has it."""

from __future__ import annotations

import dataclasses
import io
import random
import struct
from typing import Any

import fastavro
import pytest

from schemas import catalog, events
from schemas.binary import binary
from tests.support.any_event import event_of

avro: Any = fastavro
RECORDS = [name for name in catalog.names() if catalog.declaration(name)["type"] == "record"]
# What `Binary` says it raises on bytes that are no such event.
UNREADABLE = (ValueError, LookupError, struct.error, OverflowError, MemoryError)


def _written(event: Any) -> bytes:
    parts: list[bytes] = []
    binary(type(event)).write(event, parts)
    return b"".join(parts)


def _by_fastavro(event: Any) -> bytes:
    stream = io.BytesIO()
    avro.schemaless_writer(stream, catalog.parsed(type(event).__name__), event.to_avro())
    return stream.getvalue()


@pytest.mark.parametrize("name", RECORDS)
def test_any_event_has_the_bytes_that_fastavro_writes_and_is_read_back(name: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(40):
        event = event_of(chance, name)
        value = _written(event)
        assert value == _by_fastavro(event)
        assert binary(type(event)).read(b"before" + value, 6) == (event, 6 + len(value))


@pytest.mark.parametrize("name", RECORDS)
def test_an_event_that_was_read_is_frozen_and_whole(name: str) -> None:
    event = event_of(random.Random(1), name)
    read, _ = binary(type(event)).read(_written(event), 0)
    assert type(read) is type(event)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(read, dataclasses.fields(read)[0].name, None)


def test_bytes_that_are_no_event_raise_what_is_said_and_end_in_time() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    refused = 0
    for name in RECORDS:
        event = event_of(chance, name)
        value, kind = _written(event), binary(type(event))
        for _ in range(200):
            bad = bytearray(value[: chance.randrange(len(value) + 1)])
            for _ in range(min(len(bad), 3)):
                bad[chance.randrange(min(len(bad), 300))] = chance.randrange(256)
            try:
                kind.read(bytes(bad), 0)
            except UNREADABLE:
                refused += 1
    assert refused > 100, "bytes were not bad enough to be refused"


def test_arrays_in_blocks_that_tell_their_size_are_read() -> None:
    given = events.FeedbackGiven(request_id="r", tenant="t", rating=1, labels=["a", "b"])
    value = _written(given)
    assert value.endswith(b"\x04\x02a\x02b\x00")
    blocks = b"\x01\x04\x02a" + b"\x01\x04\x02b" + b"\x00"  # counts of -1, each of 2 bytes
    assert binary(events.FeedbackGiven).read(value[:-6] + blocks, 0)[0] == given


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_a_number_that_its_field_cannot_hold_is_not_written(number: int) -> None:
    with pytest.raises(OverflowError):
        _written(events.FeedbackGiven(request_id="r", tenant="t", rating=number))
