"""The trail of a question: every event about it, from the topics alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import DeadLettered, QuestionClosed
from streams.edge.client import replay
from streams.edge.steps import step_of
from streams.flow.errors import Reject
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from streams.runtime.kafka import received
from streams.runtime.record import Record

# What `rekey` writes of these is left out: it says nothing new.
ON_THE_WAY: tuple[Topic[Any], ...] = (
    topics.RAG_REQUESTS,
    topics.RAG_ADMITTED,
    topics.RAG_REWRITTEN,
    topics.RAG_RETRIEVED,
    topics.RAG_GENERATE,
    topics.RAG_ANSWERS,
    topics.RAG_CLOSED,
)
AFTERWARDS: tuple[Topic[Any], ...] = (
    topics.RAG_FEEDBACK,
    topics.RAG_FEEDBACK_JOINED,
    topics.RAG_DLQ,
)
QUESTION_TOPICS = (*ON_THE_WAY, *AFTERWARDS)
MINUTE_MS = 60_000
SKEW_MS = 5 * MINUTE_MS  # between the clock that made an id and those of workers
SOON_MS = 60 * MINUTE_MS  # in which most questions are closed, whatever is tried again


def trail_of(
    request_id: str, tenant: str, consumer: Consumer, codec: Codec, *, since: int = 0
) -> list[dict[str, Any]]:
    """The events of a tenant's request in the order they were written, as JSON-ready maps.

    There is nothing of another tenant's request with this id, nor of a record that does not say
    whose it is.

    Reads the topics from what was written at `since`, milliseconds since the epoch: the log is the
    only source. Those of a question's way are read for an hour, and to their end only where it is
    not closed by then; feedback and dead letters may come at any time. A request without an id in
    its record is found by what its first event was caused by.
    """
    names = _there(consumer)
    search = _Search(request_id, tenant, names, codec)
    way = [name for name, topic in names.items() if topic in ON_THE_WAY]
    soon = since + SOON_MS if since else None
    search.read(map(received, replay(consumer, way, since, soon)))
    if soon is not None and not search.closed:
        search.read(map(received, replay(consumer, way, soon)))
    afterwards = [name for name, topic in names.items() if topic in AFTERWARDS]
    search.read(map(received, replay(consumer, afterwards, since)))
    return search.steps()


def _there(consumer: Consumer) -> dict[str, Topic[Any]]:
    """The topics that exist, by name; of a family each."""
    there = set(consumer.list_topics(timeout=10).topics)
    names: dict[str, Topic[Any]] = {}
    for topic in QUESTION_TOPICS:
        if topic.suffix is not None:
            family = [name for name in there if name.startswith(topic.name + ".")]
            names |= dict.fromkeys(family, topic)
        elif topic is topics.RAG_REQUESTS:
            known = (name for name in there if name.startswith(topic.name + "."))
            names |= dict.fromkeys(({topic.name} & there) | {*known}, topic)
        elif topic.name in there:
            names[topic.name] = topic
    return names


@dataclass(slots=True)
class _Search:
    request_id: str
    tenant: str
    names: dict[str, Topic[Any]]
    codec: Codec
    closed: bool = False
    # By topic, partition and offset: the end of an hour may be read twice.
    found: dict[tuple[str, int, int], tuple[Record, Any]] = field(
        default_factory=dict[tuple[str, int, int], tuple[Record, Any]]
    )
    requests: dict[bytes, tuple[Record, Any]] = field(
        default_factory=dict[bytes, tuple[Record, Any]]
    )
    causes: set[bytes] = field(default_factory=set[bytes])

    def read(self, records: Iterable[Record]) -> None:
        """Keep what is about the request."""
        wanted = self.request_id.encode()
        for record in records:
            topic = self.names[record.topic]
            # The id stands in the bytes of each of its events: most records need no decoding.
            if topic is not topics.RAG_REQUESTS and wanted not in (record.value or b""):
                continue
            try:
                event = self.codec.decode(topic, record.value)
            except Reject:
                continue
            headers, place = dict(record.headers), (record.topic, record.partition, record.offset)
            if topic is topics.RAG_REQUESTS and event.request_id != self.request_id:
                named = "/".join(map(str, place)).encode()
                self.requests[headers.get("ce_id") or named] = (record, event)
            elif self._is_about(self._subject(event)):
                self.found[place] = (record, event)
                self.causes.add(headers.get("causationid") or b"")
                self.closed |= isinstance(event, QuestionClosed)

    def steps(self) -> list[dict[str, Any]]:
        """What was found, in order."""
        found = [*self.found.values()]
        for cause in self.causes & self.requests.keys():
            if self.requests[cause][1].tenant == self.tenant:
                found.append(self.requests[cause])
        flow = {topic.name: place for place, topic in enumerate(QUESTION_TOPICS)}
        found.sort(key=lambda pair: (pair[0].timestamp, flow[self.names[pair[0].topic].name]))
        return [step_of(record, event) for record, event in found]

    def _subject(self, event: Any) -> Any:
        """Whose question an event is about; of a dead letter, what its original says."""
        if isinstance(event, DeadLettered):
            topic = self.names.get(event.topic)
            try:
                original = None if topic is None else self.codec.decode(topic, event.value)
            except Reject:  # unreadable, so nobody's in particular
                return None
            return None if original is None else self._subject(original)
        if hasattr(event, "carried"):
            return event.carried.question
        return getattr(event, "feedback", event)

    def _is_about(self, subject: Any) -> bool:
        if subject is None:  # its bytes hold the id; whose it is cannot be told
            return False
        return (subject.tenant, subject.request_id) == (self.tenant, self.request_id)
