"""Whose a record is: a tenant reads and replays what is its own, and nothing else by guessing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from processors.documents.debezium import DebeziumSource, RowChange
from schemas import json_form
from schemas.events import DeadLettered
from streams.app.topology import topics_of
from streams.flow.errors import MillraceError, Reject
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.runtime.codec import Codec


@dataclass(slots=True)
class Whose:
    """Tells a record's tenant by its own words, never by its key, which anybody can choose."""

    stages: Sequence[Stage]
    codec: Codec
    sources: Iterable[DebeziumSource] = ()
    _topics: dict[str, Topic[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self._topics = {topic.name: topic for topic in topics_of(self.stages)}
        # Those of a family are read by stages, one each.
        self._topics |= {each.name: each for stage in self.stages for each in stage.reads}

    def letter(self, letter: DeadLettered) -> str | None:
        """Whose the record of a dead letter was; None where its bytes do not say."""
        return self.record(letter.topic, letter.value)

    def record(self, topic: str, value: bytes | None) -> str | None:
        """Whose a record of this topic is; None where its bytes do not say."""
        known = self._topics.get(topic)
        if known is None or value is None:
            return None
        try:
            return self._event(topic, self.codec.decode(known, value))
        except MillraceError:
            return _claimed(value) if known.edge else None

    def _event(self, topic: str, event: Any) -> str | None:
        if isinstance(event, DeadLettered):
            return self.letter(event)
        if isinstance(event, RowChange):
            found = (each for each in self.sources if each.topic == topic)
            return next((_row(event, each) for each in found), None)
        for name in ("document", "feedback"):
            if hasattr(event, name):
                return self._event(topic, getattr(event, name))
        if hasattr(event, "carried"):
            event = event.carried.question
        tenant = getattr(event, "tenant", None)
        return tenant if isinstance(tenant, str) else None


def _row(change: RowChange, source: DebeziumSource) -> str | None:
    if isinstance(source.tenant, str):
        return source.tenant
    column = source.tenant.name
    rows = (row for row in (change.before, change.after) if row is not None)
    said = [name for row in rows if (name := row.get(column)) is not None]
    if not said or said[0] != said[-1]:  # of a row that changed hands, nobody's: it has both texts
        return None
    return said[0] if isinstance(said[0], str) else None


def _claimed(value: bytes) -> str | None:
    """Of JSON that is no whole event, what it says of its tenant."""
    try:
        datum = json_form.load(value)
    except Reject:
        return None
    said = cast("dict[str, object]", datum).get("tenant") if isinstance(datum, dict) else None
    return said if isinstance(said, str) else None
