"""What models cost, from the events on rag.usage: to the token, by whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import UsageRecorded
from streams.edge.client import replay
from streams.flow.errors import Reject
from streams.runtime.codec import Codec


def day_of(at_ms: int) -> str:
    """The day of a moment, UTC, as invoices have it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


BY: Mapping[str, Callable[[UsageRecorded], str]] = {
    "tenant": lambda event: event.tenant,
    "operation": lambda event: event.used.operation,
    "model": lambda event: event.used.model,
    "user": lambda event: event.user or "(nobody)",
    "day": lambda event: day_of(event.at),
}


@dataclass(slots=True)
class Sum:
    """Of some calls. `unpriced` are those of which nobody knows the cost: it is not in `cost`."""

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    unpriced: int = 0

    def add(self, event: UsageRecorded) -> None:
        used = event.used
        self.calls += 1
        self.input_tokens += used.input_tokens
        self.cached_tokens += used.cached_tokens
        self.output_tokens += used.output_tokens
        self.cost_nanos += used.cost_nanos or 0
        self.unpriced += used.cost_nanos is None


@dataclass(slots=True)
class Costs:
    """Sums by name, all together, and by which price lists; `repeated` ids were counted once."""

    rows: dict[str, Sum] = field(default_factory=dict[str, Sum])
    total: Sum = field(default_factory=Sum)
    prices: set[str] = field(default_factory=set[str])
    repeated: int = 0


def told_apart(events: Iterable[UsageRecorded]) -> Iterator[tuple[UsageRecorded, bool]]:
    """Each record, and whether one before it was of the same call."""
    seen = set[str]()
    for event in events:
        yield event, event.usage_id in seen
        seen.add(event.usage_id)


def added(events: Iterable[UsageRecorded], by: Callable[[UsageRecorded], str]) -> Costs:
    """Each call once."""
    found = Costs()
    for event, repeated in told_apart(events):
        if repeated:
            found.repeated += 1
            continue
        found.rows.setdefault(by(event), Sum()).add(event)
        found.total.add(event)
        found.prices.add(event.used.prices)
    return found


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call, and where it stands on rag.usage."""

    event: UsageRecorded
    partition: int
    offset: int


def recorded(consumer: Consumer, codec: Codec, *, since: int = 0) -> Iterator[Recorded]:
    """The calls from a time on: their own, in milliseconds since the epoch.

    Raises:
        UserError: the broker does not answer, or there is no such topic.
    """
    # A call stands in the log a moment after it was made, by another clock perhaps.
    for message in replay(consumer, [topics.RAG_USAGE.name], max(0, since - 60_000)):
        value: Any = message.value()
        try:
            event = codec.decode(topics.RAG_USAGE, value)
        except Reject:
            continue
        if since <= event.at:
            yield Recorded(event, message.partition() or 0, message.offset() or 0)
