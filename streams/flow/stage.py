"""A stage: a consumer group that reads topics, does one thing, and writes what comes of it.

A declaration opens nothing: `make` gives the processor once the ports that it `needs` are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from streams.flow.errors import Reject, Retry
from streams.flow.mirror import Mirror
from streams.flow.outcome import Outcome, Promise, Received
from streams.flow.port import Opened, Port
from streams.flow.slow import SlowLanes
from streams.flow.state import Kept, State, Store
from streams.flow.topic import Gone, Inputs, Outputs, To, Topic

I = TypeVar("I")  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output
S = TypeVar("S")  # state

# A bulk batch of an ordinary stage: a live record that comes waits for no more than this.
BATCH_S = 0.1

Run = Callable[[Sequence[Received[Any]]], Sequence[Outcome]]
"""All of a batch at once: an outcome for each record, in order."""


Area = Literal["ingestion", "retrieval", "generation", "platform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a stage runs, and beside what.

    `process` names the stages that share a process of the embedded stack; `background` says that
    nobody waits for them, so that questions go first on a busy machine. `area` is whose namespace
    of a cluster they run in.
    """

    process: str
    background: bool = False
    area: Area = "platform"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer group of a stage, and the topics it reads."""

    group: str  # behind the prefix of the settings
    topics: tuple[Topic[Any], ...]
    bulk: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the topology. Build it with one of the functions below."""

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
    store: Store[Any] | None = None
    batch_seconds: float = BATCH_S  # how long a bulk batch takes, about
    supersede: Callable[[Any], Iterable[Any]] | None = None  # for work on what is superseded
    mirror: Mirror | None = None  # the store that its records make

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
    def changelogs(self) -> tuple[Topic[Any], ...]:
        """The topics of its state: it alone writes them, and reads them."""
        return () if self.store is None else (self.store.changelog,)

    @property
    def joins(self) -> bool:
        """Whether what several topics have under one key meets in its state."""
        return self.store is not None and len(self.reads) > 1

    @property
    def divided_alike(self) -> tuple[Topic[Any], ...]:
        """The topics of which one key has to be in partitions of one number."""
        kinds = {topic.event for topic in self.reads}
        if self.store is None and len(kinds) > 1:
            return ()  # without state, each is worked on by itself
        return (*self.reads, *self.changelogs)


def _each(run: Callable[[Any], Iterable[Any]], inputs: Iterable[Any]) -> list[Outcome]:
    """Apply a processor to each input; its two failure words become values."""
    outcomes: list[Outcome] = []
    for item in inputs:
        try:
            outcomes.append(list(run(item)))
        except (Reject, Retry) as failure:
            outcomes.append(failure)
    return outcomes


def _read(topics: Topic[I] | Inputs[I] | Sequence[Topic[I]]) -> tuple[Topic[Any], ...]:
    if isinstance(topics, Inputs):
        return topics.topics
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
    reads: Topic[I] | Inputs[I] | Sequence[Topic[I]],
    writes: Topic[O] | Outputs[O],
    make: Callable[[Opened], Callable[[I], Iterable[O | To]]],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
    promise: Promise[I, Any] | None = None,
    supersede: Callable[[I], Iterable[O]] | None = None,
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
        supersede=supersede,
    )


def edge_stage(
    name: str,
    *,
    reads: Topic[I] | Inputs[I] | Sequence[Topic[I]],
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
    reads: Topic[I] | Inputs[I] | Sequence[Topic[I]],
    writes: Topic[O] | Outputs[O],
    make: Callable[
        [Opened], Callable[[Sequence[I]], Sequence[Sequence[O | Gone | To] | Reject | Retry]]
    ],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
    promise: Promise[I, Any] | None = None,
    supersede: Callable[[I], Iterable[O]] | None = None,
    max_batch: int = 0,
    batch_seconds: float = BATCH_S,
    mirror: Mirror | None = None,
) -> Stage:
    """A stage whose processor takes all waiting events at once and returns an outcome for each."""

    def made(opened: Opened) -> Run:
        run = make(opened)

        def run_all(received: Sequence[Received[I]]) -> Sequence[Outcome]:
            try:
                outcomes = run([record.event for record in received])
            except Retry as failure:  # what all of them need is away: it is no record's fault
                return [failure] * len(received)
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
        supersede=supersede,
        batch_seconds=batch_seconds,
        mirror=mirror,
    )


def state_stage(
    name: str,
    *,
    reads: Topic[I] | Inputs[I] | Sequence[Topic[I]],
    store: Store[S],
    writes: Topic[O] | Outputs[O],
    make: Callable[[Opened], Callable[[Received[I], State[S]], Iterable[O | To]]],
    dead_letters: Topic[Any],
    place: Place,
    needs: Sequence[Port[Any]] = (),
) -> Stage:
    """A stage whose processor takes one record and the entry that its store has under its key.

    Of several topics, one key has to be in partitions of one number.
    """

    def made(opened: Opened) -> Run:
        run, entry = make(opened), opened[store.port]

        def run_one(record: Received[I]) -> Iterable[Any]:
            if record.key is None:
                raise Reject(f"the record has no key, and {name} keeps state by key")
            state = entry(record)
            yield from run(record, state)
            if state.changed:
                yield Kept(store, record.key, record.partition, state.get())

        return lambda received: _each(run_one, received)

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
        promise=None,
        store=store,
    )
