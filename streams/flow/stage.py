"""A stage: a consumer group that reads one topic, does one thing, and writes what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Outcome, Promise, Received
from streams.flow.slow import SlowLanes
from streams.flow.topic import Gone, To, Topic

I = TypeVar("I")  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output
P = TypeVar("P")  # a second output


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the topology. Build it with `stage`, `edge_stage` or `batch_stage`."""

    name: str
    reads: Topic[Any]
    writes: tuple[Topic[Any], ...]
    dead_letters: Topic[Any]
    run: Callable[[Sequence[Received[Any]]], Sequence[Outcome]]
    whole_batch: bool  # run wants all waiting records at once
    concurrency: int
    max_batch: int  # records per call and transaction at most; 0: as the settings say
    promise: Promise[Any, Any] | None
    slow: SlowLanes[Any] | None = None  # where its slow records go


def _each(run: Callable[[Any], Iterable[Any]], inputs: Iterable[Any]) -> list[Outcome]:
    """Apply a processor to each input; its two failure words become values."""
    outcomes: list[Outcome] = []
    for item in inputs:
        try:
            outcomes.append(list(run(item)))
        except (Reject, Retry) as failure:
            outcomes.append(failure)
    return outcomes


def _declared(
    name: str,
    reads: Topic[Any],
    run: Callable[[Sequence[Received[Any]]], Sequence[Outcome]],
    writes: tuple[Topic[Any] | None, ...],
    dead_letters: Topic[Any],
    promise: Promise[Any, Any] | None,
    *,
    concurrency: int = 1,
    whole_batch: bool = False,
    max_batch: int = 0,
    slow: SlowLanes[Any] | None = None,
) -> Stage:
    written = tuple(topic for topic in writes if topic is not None)
    return Stage(
        name, reads, written, dead_letters, run, whole_batch, concurrency, max_batch, promise, slow
    )


def stage(
    name: str,
    *,
    reads: Topic[I],
    run: Callable[[I], Iterable[O | P | To[Any]]],
    writes: Topic[O],
    also: Topic[P] | None = None,
    dead_letters: Topic[Any],
    promise: Promise[I, Any] | None = None,
    concurrency: int = 1,
) -> Stage:
    """A stage whose processor takes one event. Up to `concurrency` keys are worked on at once."""

    def run_all(received: Sequence[Received[I]]) -> list[Outcome]:
        return _each(run, [record.event for record in received])

    return _declared(
        name, reads, run_all, (writes, also), dead_letters, promise, concurrency=concurrency
    )


def edge_stage(
    name: str,
    *,
    reads: Topic[I],
    run: Callable[[Received[I]], Iterable[O | P | To[Any]]],
    writes: Topic[O],
    also: Topic[P] | None = None,
    dead_letters: Topic[Any],
    promise: Promise[I, Any] | None = None,
    slow: SlowLanes[I] | None = None,
) -> Stage:
    """A stage whose processor also sees where and when its record was written."""

    def run_all(received: Sequence[Received[I]]) -> list[Outcome]:
        return _each(run, received)

    return _declared(name, reads, run_all, (writes, also), dead_letters, promise, slow=slow)


def batch_stage(
    name: str,
    *,
    reads: Topic[I],
    run: Callable[[Sequence[I]], Sequence[Sequence[O | P | Gone[P]] | Reject | Retry]],
    writes: Topic[O],
    also: Topic[P] | None = None,
    dead_letters: Topic[Any],
    promise: Promise[I, Any] | None = None,
    max_batch: int = 0,
) -> Stage:
    """A stage whose processor takes all waiting events at once and returns an outcome for each."""

    def run_all(received: Sequence[Received[I]]) -> Sequence[Outcome]:
        outcomes = run([record.event for record in received])
        if len(outcomes) != len(received):
            raise ValueError(f"{name} gave {len(outcomes)} outcomes for {len(received)} records")
        return outcomes

    outputs = (writes, also)
    return _declared(
        name,
        reads,
        run_all,
        outputs,
        dead_letters,
        promise,
        whole_batch=True,
        max_batch=max_batch,
    )
