"""When a source is looked at again, and at what of it: as time passes, or as notices come."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import Consumer

from streams.app.settings import Settings
from streams.app.sources import Followed, NoNotice, Telling
from streams.edge.client import POLL_S, from_the_end, reader
from streams.flow.errors import UserError

TOPIC = "kafka:"
BLOCK = 64 * 1024
MOST_NAMES = 1000  # that are looked at together
GATHER_S = 0.2  # after the first notice, for those that come with it


@dataclass(slots=True)
class Noticed:
    """What is to be looked at next. `names` None: everything; `wrong` are no notices."""

    names: set[str] | None = None
    wrong: list[str] = field(default_factory=list[str])
    ended: bool = False  # no more will come


class Notices(Protocol):
    """What tells when to look."""

    def wait(self, seconds: float) -> Noticed:
        """What there is to look at; everything, once so many seconds have passed."""
        ...


class Unasked:
    """A source that is looked at whole, when it seems to have changed or time has passed."""

    def __init__(self, followed: Followed) -> None:
        self._source = followed.source

    def wait(self, seconds: float) -> Noticed:
        self._source.wait(seconds)
        return Noticed()


class _Gathered:
    """Notices that come one by one, gathered."""

    def __init__(self, source: Telling) -> None:
        self._source = source

    def next(self, seconds: float) -> bytes | None:
        """The next one, if it comes in so many seconds; empty bytes once no more will."""
        raise NotImplementedError

    def wait(self, seconds: float) -> Noticed:
        found = Noticed(set())
        assert found.names is not None
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and len(found.names) < MOST_NAMES:
            notice = self.next(min(left, POLL_S))
            if notice is None:
                continue
            if not notice:
                found.ended = True
                return found
            try:
                named = self._source.named(notice)
            except NoNotice as error:
                found.wrong.append(str(error))
                return found
            if named and not found.names:
                until = min(until, time.monotonic() + GATHER_S)
            found.names.update(named)
        return found if found.names else Noticed()


class Lines(_Gathered):
    """Notices as lines of a file, which is read to its end, or of standard input."""

    def __init__(self, source: Telling, descriptor: int) -> None:
        super().__init__(source)
        self._lines: queue.Queue[bytes] = queue.Queue(MOST_NAMES)
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def next(self, seconds: float) -> bytes | None:
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def _read(self, descriptor: int) -> None:
        """Of the descriptor itself: whoever ends meanwhile would wait for a reader's lock."""
        rest = b""
        while part := os.read(descriptor, BLOCK):
            *lines, rest = (rest + part).split(b"\n")
            self._put(lines)
        self._put([rest])
        self._lines.put(b"")

    def _put(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.strip():
                self._lines.put(line.strip())


class Records(_Gathered):
    """Notices as records of a topic, from now on: what came before is found by looking."""

    def __init__(self, source: Telling, consumer: Consumer, topic: str) -> None:
        super().__init__(source)
        self._consumer = consumer
        from_the_end(consumer, [topic])

    def next(self, seconds: float) -> bytes | None:
        message = self._consumer.poll(seconds)
        if message is None or message.error() is not None:
            return None
        value: Any = message.value()
        return value or None


@contextmanager
def notices(settings: Settings, followed: Followed, events: str) -> Generator[Notices]:
    """What `events` names: `kafka:TOPIC`, a file, `-` for standard input; empty: none come.

    Raises:
        UserError: the source sends none, or they cannot be read.
    """
    if not events:
        yield Unasked(followed)
    elif events.startswith(TOPIC):
        source = followed.telling()
        with reader(settings) as consumer:
            yield Records(source, consumer, events.removeprefix(TOPIC))
    elif events == "-":
        yield Lines(followed.telling(), sys.stdin.fileno())
    else:
        source = followed.telling()
        try:
            # The thread that reads it may outlive us, and with it this.
            descriptor = os.open(events, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"{events} cannot be read: {error.strerror}") from None
        yield Lines(source, descriptor)
