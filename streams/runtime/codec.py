"""Events to bytes and back: Avro single-object encoding, the Confluent wire format, JSON at edges.

Writing: with a schema registry, magic 0 and a 4-byte id; without one, `C3 01` and the CRC-64-AVRO
fingerprint of the writer's schema. Readers take both, whichever is configured.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from typing import Any, Protocol, TypeVar

import fastavro

from schemas import catalog, json_form
from schemas.binary import binary
from streams.flow.errors import Reject
from streams.flow.topic import Topic
from streams.runtime import foreign

E = TypeVar("E")
_avro: Any = fastavro  # its stubs leave most of it unknown
SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
_REMEDY = (
    "another version of Millrace wrote it, whose topics this one does not read: start with an "
    "empty data folder (remove that of MILLRACE_DATA), or make the topics anew"
)

# What reading raises on bytes that are no such record.
_UNDECODABLE = (
    EOFError,
    LookupError,
    ValueError,
    OverflowError,
    TypeError,
    MemoryError,
    struct.error,
)


class Registry(Protocol):
    """A Confluent-compatible schema registry. Raises `Retry` while it is out of reach."""

    def register(self, subject: str, schema: dict[str, Any]) -> int: ...

    def schema(self, schema_id: int) -> dict[str, Any]:
        """Raises `Reject` where the registry knows no such id."""
        ...


class _Kind:
    """What is the same for all events of one class."""

    __slots__ = ("build", "mark", "name", "read", "schema", "write")

    def __init__(self, event: Any) -> None:
        self.name: str = event.__name__
        self.build: Callable[[dict[str, Any]], Any] = event.from_avro
        self.schema = catalog.parsed(self.name)
        self.mark = SINGLE_OBJECT + catalog.fingerprint(self.name)
        self.write, self.read = binary(event)


_kind = cache(_Kind)


class Codec:
    """Encodes and decodes the events of topics. Safe to use from several threads."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry
        self._prefixes: dict[str, bytes] = {}
        self._writers: dict[int, Any] = {}

    def encode(self, topic: str, event: Any) -> bytes:
        """The bytes of an event for a topic (its registry subject is `<topic>-value`)."""
        kind = _kind(event.__class__)
        parts = [self._prefixes.get(topic) or self._prefix(topic, kind)]
        kind.write(event, parts)
        return b"".join(parts)

    def decode(self, topic: Topic[E], value: bytes | None) -> E:
        """The event in a record of this topic.

        Raises:
            Reject: no such event can be read from these bytes; says why.
            Retry: the schema registry is out of reach.
        """
        if topic.read is not None:
            foreign_avro = value is not None and value.startswith(CONFLUENT) and len(value) >= 5
            if topic.read_avro is None or value is None or not foreign_avro:
                return topic.read(value)
            writer = self._registered(struct.unpack(">I", value[1:5])[0])
            return topic.read_avro(_datum(value, 5, writer), writer)
        kind = _kind(topic.event)
        if not value:
            raise Reject(f"the record has no value; {topic.name} carries {kind.name}")
        if value.startswith(kind.mark):
            event = _event(value, 10, kind)
            return event if topic.sound is None else _sound(topic, event)
        if value.startswith(SINGLE_OBJECT) and len(value) >= 10:
            raise _unknown(kind.name, value[2:10])
        if value.startswith(CONFLUENT) and len(value) >= 5:
            writer = self._registered(struct.unpack(">I", value[1:5])[0])
            if writer == kind.schema:
                return _sound(topic, _event(value, 5, kind))
            return _sound(topic, kind.build(_resolved(value, 5, writer, kind)))
        if not topic.edge:
            raise Reject(f"the record is not Avro; {topic.name} carries {kind.name} as Avro only")
        if value.lstrip()[:1] != b"{":
            raise Reject(
                f"the record is neither a JSON object nor Avro; {topic.name} takes {kind.name} as "
                "either"
            )
        return _sound(topic, kind.build(json_form.parse(value, kind.name)))

    def prepare(self, topics: Iterable[Topic[Any]]) -> None:
        """Learn what is written before the bytes of these topics' events.

        Raises:
            Retry: the schema registry is out of reach.
        """
        for topic in topics:
            if topic.suffix is None:  # the names of a family's topics are known to their readers
                self._prefix(topic.name, _kind(topic.event))

    def _prefix(self, topic: str, kind: _Kind) -> bytes:
        prefix = self._prefixes.get(topic)
        if prefix is None:
            if self._registry is None:
                prefix = kind.mark
            else:
                schema = catalog.self_contained(kind.name)
                number = self._registry.register(f"{topic}-value", schema)
                prefix = CONFLUENT + struct.pack(">I", number)
            self._prefixes[topic] = prefix
        return prefix

    def _registered(self, schema_id: int) -> Any:
        if self._registry is None:
            raise Reject(
                f"the record names schema {schema_id} of a registry, and none is configured: "
                "set MILLRACE_REGISTRY__URL"
            )
        writer = self._writers.get(schema_id)
        if writer is None:
            schema = self._registry.schema(schema_id)
            try:
                foreign.check(schema)
                writer = catalog.parse(schema)
            except Exception as error:  # fastavro's schema errors share no base class
                raise Reject(
                    f"schema {schema_id} of the registry cannot be used: {error}"
                ) from error
            self._writers[schema_id] = writer
        return writer


def _sound(topic: Topic[E], event: E) -> E:
    """The event, if it is what a stage can have written."""
    if topic.sound is not None and (wrong := topic.sound(event)):
        raise Reject(f"the record is no sound {topic.event.__name__}: {wrong}")
    return event


def _event(value: bytes, start: int, kind: _Kind) -> Any:
    try:
        event, end = kind.read(value, start)
    except _UNDECODABLE as error:
        raise _unreadable(kind, error) from None
    if end != len(value):
        if end > len(value):
            raise _unreadable(kind, EOFError("it ends early"))
        raise Reject(f"the record has {len(value) - end} bytes after its {kind.name}")
    return event


def _resolved(value: bytes, start: int, writer: Any, kind: _Kind) -> dict[str, Any]:
    """What was written with another schema, as today's has it."""
    stream = BytesIO(value)
    stream.seek(start)
    try:
        datum = _avro.schemaless_reader(stream, writer, kind.schema)
    except _UNDECODABLE as error:
        raise _unreadable(kind, error) from None
    except Exception as error:
        # fastavro's resolution errors share no base class that its stubs name.
        if type(error).__module__.startswith("fastavro"):
            raise Reject(
                f"the record's schema does not fit {kind.name} ({error}): {_REMEDY}"
            ) from None
        raise
    if stream.tell() != len(value):
        raise Reject(f"the record has {len(value) - stream.tell()} bytes after its {kind.name}")
    return datum


def _datum(value: bytes, start: int, writer: Any) -> Any:
    """What others wrote with a schema of theirs."""
    stream = BytesIO(value)
    stream.seek(start)
    try:
        return _avro.schemaless_reader(stream, writer, None)
    except _UNDECODABLE as error:
        said = error or type(error).__name__
        raise Reject(f"the record cannot be read by its schema: {said}") from None


def _unreadable(kind: _Kind, error: Exception) -> Reject:
    return Reject(f"the record cannot be read as {kind.name}: {error or type(error).__name__}")


def _unknown(name: str, mark: bytes) -> Reject:
    """Why a record of another schema than today's of `name` is refused."""
    others = {catalog.fingerprint(each): each for each in catalog.names()}
    if mark in others:
        return Reject(f"the record is a {others[mark]}, and {name} belongs here")
    return Reject(f"unknown schema: no {name} has the fingerprint {mark.hex()}; {_REMEDY}")
