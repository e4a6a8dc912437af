"""Closed questions asked of a candidate policy: what it would have decided otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import QuestionClosed
from streams.edge.client import replay
from streams.flow.errors import Reject
from streams.runtime.codec import Codec
from streams.runtime.kafka import received

EXAMPLES = 20  # of each kind of change that are named
Otherwise = Callable[[QuestionClosed], str]
"""What a candidate decides otherwise of a closed question; empty: nothing."""


@dataclass(slots=True)
class Replayed:
    """What a candidate would have changed."""

    questions: int = 0
    changed: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, event: QuestionClosed, said: str) -> None:
        self.questions += 1
        if said:
            self.changed[said] += 1
            named = self.examples.setdefault(said, [])
            if len(named) < EXAMPLES:
                question = event.carried.question
                named.append(f"{question.tenant}/{question.request_id}")


def closed(consumer: Consumer, codec: Codec, since: int, tenant: str) -> Iterator[QuestionClosed]:
    """Questions that were closed since then, milliseconds since the epoch; a tenant's, or all."""
    for record in map(received, replay(consumer, [topics.RAG_CLOSED.name], since)):
        try:
            event = codec.decode(topics.RAG_CLOSED, record.value)
        except Reject:  # of a former release
            continue
        if tenant in ("", event.carried.question.tenant):
            yield event


def replayed(events: Iterable[QuestionClosed], otherwise: Otherwise) -> Replayed:
    """Each asked again, of whoever closed it."""
    found = Replayed()
    for event in events:
        found.add(event, otherwise(event))
    return found
