"""A stage with state that numbers the records of each key: every loss and doubling shows.

It reads documents and joins them with feedback, both under one key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from processors.places import DOCUMENTS
from schemas.events import DeadLettered, DocumentFed, FeedbackGiven
from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Received
from streams.flow.stage import Stage, state_stage
from streams.flow.state import State, Store
from streams.flow.topic import MIB, Topic, inputs

HOURS = 24


def _document(event: DocumentFed) -> str:
    return f"{event.tenant}/{event.doc_id}"


def _feedback(event: FeedbackGiven) -> str:
    return f"{event.tenant}/{event.request_id}"


def documents(prefix: str) -> Topic[DocumentFed]:
    return Topic(f"{prefix}.in", DocumentFed, _document)


def feedback(prefix: str) -> Topic[FeedbackGiven]:
    return Topic(f"{prefix}.too", FeedbackGiven, _feedback)


def numbered(prefix: str) -> Topic[DocumentFed]:
    return Topic(f"{prefix}.out", DocumentFed, _document)


def counts(prefix: str) -> Store[DocumentFed]:
    """Of each key the last record, numbered."""
    changelog = Topic(
        f"{prefix}.counts",
        DocumentFed,
        _document,
        compacted=True,
        expires=True,
        retention_hours=HOURS,
    )
    return Store("counts", changelog, unmet=lambda entry: entry.version or 0)


def dead_letters(prefix: str) -> Topic[DeadLettered]:
    return Topic(f"{prefix}.dlq", DeadLettered, lambda letter: letter.topic, max_bytes=2 * MIB)


class Counting:
    """Numbers what comes under a key, from 1.

    A document's body may say `reject` or `forget`, or `retry`: that it is taken at the second try.
    """

    def __init__(self) -> None:
        self._tried: set[str] = set()

    def __call__(
        self, record: Received[DocumentFed | FeedbackGiven], state: State[DocumentFed]
    ) -> Iterator[DocumentFed]:
        event = record.event
        if isinstance(event, FeedbackGiven):
            event = DocumentFed(
                op="upsert", tenant=event.tenant, doc_id=event.request_id, title=event.comment
            )
        held = state.get()
        number = 1 if held is None else (held.version or 0) + 1
        entry = replace(event, version=number)
        state.put(entry)
        if event.body == "reject":
            raise Reject("it says so")
        if event.body == "retry" and record.position not in self._tried:
            self._tried.add(record.position)
            raise Retry("it says so")
        if event.body == "forget":
            state.delete()
        yield entry


def counting(prefix: str = "test") -> Stage:
    return state_stage(
        "count",
        reads=inputs(documents(prefix), feedback(prefix)),
        store=counts(prefix),
        writes=numbered(prefix),
        make=lambda _: Counting(),
        dead_letters=dead_letters(prefix),
        place=DOCUMENTS,
    )
