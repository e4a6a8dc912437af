"""A stage: a consumer group that reads topics, does one thing, and writes what comes of it.

A declaration opens nothing: `make` gives the processor once the ports that it `needs` are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Outcome, Promise, Received
from streams.flow.port import Opened, Port
from streams.flow.slow import SlowLanes
from streams.flow.topic import Gone, Outputs, To, Topic

I = TypeVar("I")  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output


# A bulk batch of an ordinary stage: a live record that comes waits for no more than this.
BATCH_S = 0.1

Run = Callable[[Sequence[Received[Any]]], Sequence[Outcome]]
"""All of a batch at once: an outcome for each record, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a stage runs, and beside what.

    `process` names the stages that share a process of the embedded stack; `background` says that
    nobody waits for them, so that questions go first on a busy machine.
    """

    process: str
    background: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer group of a stage, and the topics it reads."""

    group: str  # behind the prefix of the settings
    topics: tuple[Topic[Any], ...]
    bulk: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the topology. Build it with `record_stage`, `edge_stage` or `batch_stage`."""

    name: str
    reads: tuple[Topic[Any], ...]
    writes: tuple[Topic[Any], ...]
    dead_letters: Topic[Any]
    make: Callable[[Opened], Run]
    needs: tuple[Port[Any], ...]
    place: Place
    whole_batch: bool  # run wants all waiting records at once
    concurrency: int
    max_batch: int  # records per call and transaction at most; 0: as the settings say
    promise: Promise[Any, Any] | None
    slow: SlowLanes[Any] | None = None  # where its slow records go
    batch_seconds: float = BATCH_S  # how long a bulk batch takes, about

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Its consumer groups: one, and one of its own for what is bulk.

        So each has a loop, a lane and transactions of its own, and the bulk one can be scaled by
        itself.
        """
        live = tuple(topic for topic in self.reads if not topic.bulk)
        bulk = tuple(topic for topic in self.reads if topic.bulk)
        found = [Subscription(self.name, live, bulk=False)] if live else []
        return (*found, Subscription(f"{self.name}.bulk", bulk, bulk=True)) if bulk else (*found,)

    @property
    def joins(self) -> bool:
        """Whether it brings together, by their key, events of several kinds."""
        return len({topic.event for topic in self.reads}) > 1


def _each(run: Callable[[Any], Iterable[Any]], inputs: Iterable[Any]) -> list[Outcome]:
    """Apply a processor to each input; its two failure words become values."""
    outcomes: list[Outcome] = []
    for item in inputs:
        try:
            outcomes.append(list(run(item)))
        except (Reject, Retry) as failure:
            outcomes.append(failure)
    return outcomes


def _read(topics: Topic[I] | Sequence[Topic[I]]) -> tuple[Topic[Any], ...]:
    return (topics,) if isinstance(topics, Topic) else tuple(topics)


def _written(topics: Topic[O] | Outputs[O]) -> tuple[Topic[Any], ...]:
    """Each topic, followed by where it diverts events to."""
    named = (topics,) if isinstance(topics, Topic) else topics.topics
    return tuple(
        topic
        for each in named
        for topic in ((each,) if each.diverted is None else (each, each.diverted.to))
    )


def record_stage(
    name: str,
    *,
    reads: Topic[I] | Sequence[Topic[I]],
    writes: Topic[O] | Outputs[O],
    make: Callable[[Opened], Callable[[I], Iterable[O | To]]],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
    promise: Promise[I, Any] | None = None,
    concurrency: int = 1,
) -> Stage:
    """A stage whose processor takes one event. Up to `concurrency` keys are worked on at once."""

    def made(opened: Opened) -> Run:
        run = make(opened)
        return lambda received: _each(run, [record.event for record in received])

    return Stage(
        name,
        _read(reads),
        _written(writes),
        dead_letters,
        made,
        tuple(needs),
        place,
        whole_batch=False,
        concurrency=concurrency,
        max_batch=0,
        promise=promise,
    )


def edge_stage(
    name: str,
    *,
    reads: Topic[I] | Sequence[Topic[I]],
    writes: Topic[O] | Outputs[O],
    make: Callable[[Opened], Callable[[Received[I]], Iterable[O | To]]],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
    promise: Promise[I, Any] | None = None,
    slow: SlowLanes[I] | None = None,
) -> Stage:
    """A stage whose processor also sees where and when its record was written."""

    def made(opened: Opened) -> Run:
        run = make(opened)
        return lambda received: _each(run, received)

    return Stage(
        name,
        _read(reads),
        _written(writes),
        dead_letters,
        made,
        tuple(needs),
        place,
        whole_batch=False,
        concurrency=1,
        max_batch=0,
        promise=promise,
        slow=slow,
    )


def batch_stage(
    name: str,
    *,
    reads: Topic[I] | Sequence[Topic[I]],
    writes: Topic[O] | Outputs[O],
    make: Callable[
        [Opened], Callable[[Sequence[I]], Sequence[Sequence[O | Gone] | Reject | Retry]]
    ],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
    promise: Promise[I, Any] | None = None,
    max_batch: int = 0,
    batch_seconds: float = BATCH_S,
) -> Stage:
    """A stage whose processor takes all waiting events at once and returns an outcome for each."""

    def made(opened: Opened) -> Run:
        run = make(opened)

        def run_all(received: Sequence[Received[I]]) -> Sequence[Outcome]:
            outcomes = run([record.event for record in received])
            if len(outcomes) != len(received):
                raise ValueError(
                    f"{name} gave {len(outcomes)} outcomes for {len(received)} records"
                )
            return outcomes

        return run_all

    return Stage(
        name,
        _read(reads),
        _written(writes),
        dead_letters,
        made,
        tuple(needs),
        place,
        whole_batch=True,
        concurrency=1,
        max_batch=max_batch,
        promise=promise,
        batch_seconds=batch_seconds,
    )
