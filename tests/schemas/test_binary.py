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

avro: Any = fastavro
RECORDS = [name for name in catalog.names() if catalog.declaration(name)["type"] == "record"]
# What `Binary` says it raises on bytes that are no such event.
UNREADABLE = (ValueError, LookupError, struct.error, OverflowError, MemoryError)
TEXTS = ["", "a", "¿Qué?", "x" * 70, "漢字" * 3000]
INTS = [0, 1, -1, 63, 64, -64, -65, 4095, 4096, 2**31 - 1, -(2**31)]
LONGS = [*INTS, 2**31, 2**62, 2**63 - 1, -(2**63)]


def _some(chance: random.Random, kind: Any) -> Any:
    """A value of an Avro type."""
    if isinstance(kind, list):
        return _some(chance, chance.choice(kind))
    if isinstance(kind, dict):
        count = chance.choice([0, 1, 3])
        if kind["type"] == "array":
            return [_some(chance, kind["items"]) for _ in range(count)]
        return {_some(chance, "string"): _some(chance, kind["values"]) for _ in range(count)}
    if names := catalog.references(kind):
        declared = catalog.declaration(names[0])
        is_enum = declared["type"] == "enum"
        return chance.choice(declared["symbols"]) if is_enum else _event(chance, names[0])
    return {
        "null": lambda: None,
        "string": lambda: chance.choice(TEXTS),
        "bytes": lambda: chance.randbytes(chance.choice([0, 5, 5000])),
        "int": lambda: chance.choice(INTS),
        "long": lambda: chance.choice(LONGS),
        "double": lambda: chance.choice([0.0, -1.5, 1e300, chance.random()]),
        "float": lambda: struct.unpack("<f", struct.pack("<f", chance.random()))[0],
        "boolean": lambda: chance.random() < 0.5,
    }[kind]()


def _event(chance: random.Random, name: str) -> Any:
    fields = catalog.declaration(name)["fields"]
    given = {field["name"]: _some(chance, field["type"]) for field in fields}
    return getattr(events, name)(**given)


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
        event = _event(chance, name)
        value = _written(event)
        assert value == _by_fastavro(event)
        assert binary(type(event)).read(b"before" + value, 6) == (event, 6 + len(value))


@pytest.mark.parametrize("name", RECORDS)
def test_an_event_that_was_read_is_frozen_and_whole(name: str) -> None:
    event = _event(random.Random(1), name)
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
        event = _event(chance, name)
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
