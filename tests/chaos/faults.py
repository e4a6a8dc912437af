"""The faults: each holds while the questions of the sample are asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psutil
from confluent_kafka import Producer

from streams.runtime import kafka
from streams.runtime.record import now_ms
from tests.chaos.line import Line
from tests.chaos.rig import ENCODE_S, MODEL_S, RERANK_S, Rig
from tests.system.faults import Disk

FROZEN_S = 4.0  # shorter than a group's session, which is 6 s
STEP_S = 0.1  # of a process that gets on in jerks
SKEW_MS = 3_600_000
MADE_UP = "The fee was waived by royal decree in 1742 and is 12,345.67 guilders [1]."


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and how it is brought about."""

    name: str
    where: str
    hold: Callable[[Rig], AbstractContextManager[None]]


@contextmanager
def _nothing(_: Rig) -> Generator[None]:
    yield


def _cut(of: Callable[[Rig], tuple[Line, ...]]) -> Callable[[Rig], AbstractContextManager[None]]:
    return _each(of, "cut", True, False)


def _slow(
    of: Callable[[Rig], tuple[Line, ...]], seconds: float
) -> Callable[[Rig], AbstractContextManager[None]]:
    return _each(of, "delay_s", seconds, 0.0)


def _each(
    of: Callable[[Rig], tuple[Line, ...]], what: str, on: object, off: object
) -> Callable[[Rig], AbstractContextManager[None]]:
    @contextmanager
    def hold(rig: Rig) -> Generator[None]:
        for line in of(rig):
            setattr(line, what, on)
        try:
            yield
        finally:
            for line in of(rig):
                setattr(line, what, off)

    return hold


def _model(**said: Any) -> Callable[[Rig], AbstractContextManager[None]]:
    """The model's server is told to do this."""

    @contextmanager
    def hold(rig: Rig) -> Generator[None]:
        before = {name: getattr(rig.model, name) for name in said}
        for name, value in said.items():
            setattr(rig.model, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(rig.model, name, value)

    return hold


def _frozen(name: str, seconds: float) -> Callable[[Rig], AbstractContextManager[None]]:
    """A process stands still for a while, with all its connections, as behind a cut network."""

    def stand_still(process: psutil.Process, _: threading.Event) -> None:
        with _still(process):
            time.sleep(seconds)

    return _meanwhile(name, stand_still)


def _slowed(name: str) -> Callable[[Rig], AbstractContextManager[None]]:
    """A process gets on for a tenth of the time."""

    def jerk(process: psutil.Process, over: threading.Event) -> None:
        while not over.is_set():
            with _still(process):
                time.sleep(0.9 * STEP_S)
            time.sleep(0.1 * STEP_S)

    return _meanwhile(name, jerk)


@contextmanager
def _still(process: psutil.Process) -> Generator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def _meanwhile(
    name: str, done: Callable[[psutil.Process, threading.Event], None]
) -> Callable[[Rig], AbstractContextManager[None]]:
    """It is done to a process while questions are asked, and has ended afterwards."""

    @contextmanager
    def hold(rig: Rig) -> Generator[None]:
        over = threading.Event()
        thread = threading.Thread(target=done, args=(rig.process(name), over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    return hold


def _killed(name: str) -> Callable[[Rig], AbstractContextManager[None]]:
    @contextmanager
    def hold(rig: Rig) -> Generator[None]:
        rig.process(name).kill()
        yield

    return hold


@contextmanager
def _full(rig: Rig) -> Generator[None]:
    """All but the floor of the disk is taken."""
    begun, done = threading.Event(), threading.Event()

    def meanwhile() -> None:
        begun.set()
        assert done.wait(300)

    thread = threading.Thread(target=Disk(rig.settings).fill, args=(meanwhile,))
    thread.start()
    try:
        assert begun.wait(60), "the workers did not see a full disk"
        yield
    finally:
        done.set()
        thread.join()


def _skewed(by_ms: int) -> Callable[[Rig], AbstractContextManager[None]]:
    """Whoever asks has a clock that goes wrong: what it sends says another time."""

    class Skewed:
        def __init__(self, producer: Producer) -> None:
            self._producer = producer

        def produce(self, *said: Any, **named: Any) -> None:
            self._producer.produce(*said, timestamp=now_ms() + by_ms, **named)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._producer, name)

    send = kafka.send

    def skewed(producer: Producer, *said: Any) -> None:
        wrong: Any = Skewed(producer)
        send(wrong, *said)

    @contextmanager
    def hold(_: Rig) -> Iterator[None]:
        with patch.object(kafka, "send", skewed):
            yield

    return hold


def _to_model(rig: Rig) -> tuple[Line, ...]:
    return (rig.to_model,)


def _to_reranker(rig: Rig) -> tuple[Line, ...]:
    return (rig.to_reranker,)


def _to_encoder(rig: Rig) -> tuple[Line, ...]:
    return (rig.to_encoder,)


def _to_redis(rig: Rig) -> tuple[Line, ...]:
    return rig.to_redis


def _to_registry(rig: Rig) -> tuple[Line, ...]:
    return (rig.to_registry,)


NORMAL = Fault("nothing is wrong", "", _nothing)
FAULTS = (
    Fault("the model is away", "generate", _cut(_to_model)),
    Fault("the model says 429 to all", "generate",
          _model(status=429, headers={"Retry-After": "1"}, says=None, body=b"{}")),
    Fault("the model is slower than its time", "generate", _slow(_to_model, 2 * MODEL_S)),
    Fault("the model makes its answers up", "generate", _model(says=lambda _: MADE_UP)),
    Fault("the re-ranker is slower than its time", "rerank", _slow(_to_reranker, 2 * RERANK_S)),
    Fault("the encoder is away", "retrieve", _cut(_to_encoder)),
    Fault("the encoder is slower than its time", "retrieve", _slow(_to_encoder, 2 * ENCODE_S)),
    Fault("the index gets on a tenth of the time", "retrieve", _slowed("index")),
    Fault("the index stands still for 4 s", "retrieve", _frozen("index", FROZEN_S)),
    Fault("Redis answers 0.3 s late", "admit, rewrite, remember", _slow(_to_redis, 0.3)),
    Fault("Redis is away", "admit, rewrite, remember", _cut(_to_redis)),
    Fault("the registry is away", "all", _cut(_to_registry)),
    Fault("the worker of questions is killed", "admit to generate", _killed("questions")),
    Fault("the disk is full", "all", _full),
    Fault("who asks has a clock an hour slow", "admit", _skewed(-SKEW_MS)),
    Fault("who asks has a clock an hour fast", "admit", _skewed(SKEW_MS)),
)  # fmt: skip
