"""Two requests of Kafka's own protocol that librdkafka has not: which transactions are open.

https://kafka.apache.org/protocol: ListTransactions (66) and DescribeTransactions (65), version 0.
Both are flexible: lengths are unsigned varints and count one more than there is.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from streams.edge.sasl import connected, exactly
from streams.runtime.access import BrokerSettings

LIST_TRANSACTIONS, DESCRIBE_TRANSACTIONS = 66, 65
NO_TAGS = b"\0"
LARGEST = 16 << 20


class Transaction(NamedTuple):
    """An open transaction, as its coordinator knows it."""

    transactional_id: str
    producer_id: int
    started: int  # milliseconds since the epoch
    places: tuple[tuple[str, int], ...]


def ongoing(host: str, port: int, broker: BrokerSettings) -> list[Transaction]:
    """The open transactions that this broker coordinates, of those that we may know of.

    Raises:
        OSError: it does not answer.
        ValueError: it answers something else, or does not let us in.
        UserError: the settings cannot be used so.
    """
    with connected(host, port, broker) as connection:
        listed = _ask(connection, LIST_TRANSACTIONS, _array([_text("Ongoing")]) + _array([]))
        listed.skip(4)  # throttled for
        if error := listed.int16():
            raise ValueError(f"the broker refuses with error {error}")
        for _ in range(listed.count()):  # state filters that it does not know
            listed.text()
        names = [_listed(listed) for _ in range(listed.count())]
        if not names:
            return []
        found = _ask(connection, DESCRIBE_TRANSACTIONS, _array([_text(name) for name in names]))
        found.skip(4)
        described = [_described(found) for _ in range(found.count())]
        return [each for each in described if each is not None]


def _listed(answer: _Answer) -> str:
    name = answer.text()
    answer.skip(8)  # producer id
    answer.text()  # state
    answer.tags()
    return name


def _described(answer: _Answer) -> Transaction | None:
    error, name, state = answer.int16(), answer.text(), answer.text()
    answer.skip(4)  # time-out
    started, producer = answer.int64(), answer.int64()
    answer.skip(2)  # epoch
    places: list[tuple[str, int]] = []
    for _ in range(answer.count()):
        topic = answer.text()
        places += [(topic, answer.int32()) for _ in range(answer.count())]
        answer.tags()
    answer.tags()
    return None if error or state != "Ongoing" else Transaction(name, producer, started, (*places,))


def _ask(connection: socket.socket, api: int, body: bytes) -> _Answer:
    header = struct.pack(">hhih", api, 0, api, -1) + NO_TAGS
    request = header + body + NO_TAGS
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", exactly(connection, 4))
    if not 0 < size < LARGEST:
        raise ValueError("the broker speaks another protocol")
    answer = _Answer(exactly(connection, size))
    answer.skip(4)  # the request's number
    answer.tags()
    return answer


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data) + 1) + data


def _array(items: Sequence[bytes]) -> bytes:
    return _varint(len(items) + 1) + b"".join(items)


class _Answer:
    """An answer, read from its beginning on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, form: str) -> int:
        if self._at + struct.calcsize(form) > len(self._data):
            raise ValueError("the broker's answer ends early")
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def skip(self, size: int) -> None:
        self._at += size

    def int16(self) -> int:
        return self._take(">h")

    def int32(self) -> int:
        return self._take(">i")

    def int64(self) -> int:
        return self._take(">q")

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._take("B")) > 127:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def count(self) -> int:
        return max(0, self._varint() - 1)

    def text(self) -> str:
        size = self.count()
        self._at += size
        return self._data[self._at - size : self._at].decode("utf-8", "replace")

    def tags(self) -> None:
        for _ in range(self._varint()):
            self._varint()
            self._at += self._varint()
