"""One question's trace as a tree of spans, from the headers of its events alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PRODUCER = "(producer)"


@dataclass(slots=True)
class Span:
    """What one stage did with one record, as OpenTelemetry names it, and what came of it."""

    name: str
    trace_id: str
    span_id: str
    timestamp: int  # of the first event that it wrote, milliseconds since the epoch
    topics: list[str]
    children: list[Span] = field(default_factory=list["Span"])


def tree_of(steps: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The roots of a trail's steps, in order: one, where nothing of the trail is missing.

    A stage gives all that it writes of one record one span; a record that a producer wrote without
    an id is named by its place.
    """
    spans: dict[str, Span] = {}
    made_by: dict[str, Span] = {}  # by the id of an event
    causes: dict[str, str] = {}
    for step in steps:
        place = f"{step['topic']}/{step['partition']}/{step['offset']}"
        stage = step["stage"]
        # A producer's traceparent is its own span; a stage's is the one in which it wrote.
        key = place if stage == PRODUCER else f"{stage} {step['traceparent']}"
        # By place, not by its dashes: who asked may have sent anything in it.
        trace_id, span_id = step["traceparent"][3:35], step["traceparent"][36:52]
        name = f"publish {step['topic']}" if stage == PRODUCER else f"process {stage}"
        span = spans.setdefault(key, Span(name, trace_id, span_id, step["timestamp"], []))
        span.topics.append(step["topic"])
        made_by[step["id"] or place] = span
        causes.setdefault(key, "" if stage == PRODUCER else step["caused_by"])
    roots: list[Span] = []
    for key, span in spans.items():
        parent = made_by.get(causes[key])
        (roots if parent is None or parent is span else parent.children).append(span)
    return roots


def lines(roots: Sequence[Span]) -> Iterator[str]:
    """A tree as a person reads it: milliseconds since its beginning, and what was written."""
    begun = min((root.timestamp for root in roots), default=0)

    def told(span: Span, indent: str) -> Iterator[str]:
        wrote = ", ".join(dict.fromkeys(span.topics))
        yield f"{indent}{span.name}  +{span.timestamp - begun} ms  -> {wrote}"
        for child in span.children:
            yield from told(child, indent + "  ")

    for root in roots:
        yield from told(root, "")
