"""One question's trace as a tree of spans, from its events alone, named as those that are exported.

When a model was called is in no event: its span has what the call used, and no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.events import ModelUsage
from schemas.traced import operation_of

PRODUCER = "(producer)"


@dataclass(slots=True)
class Span:
    """What one stage did with one record, or a model for it, as OpenTelemetry names it."""

    name: str
    stage: str
    trace_id: str
    span_id: str  # empty: of a model's call
    timestamp: int  # of the first event that it wrote, milliseconds since the epoch
    topics: list[str]
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    children: list[Span] = field(default_factory=list["Span"])


def tree_of(steps: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The roots of a trail's steps, in order: one, where nothing of the trail is missing.

    A stage gives all that it writes of one record one span; a record that a producer wrote without
    an id is named by its place.
    """
    spans: dict[str, Span] = {}
    made_by: dict[str, tuple[Span, Mapping[str, Any]]] = {}  # by the id of an event
    causes: dict[str, str] = {}
    last: dict[str, Mapping[str, Any]] = {}  # step of a span that carries the question
    for step in steps:
        place = f"{step['topic']}/{step['partition']}/{step['offset']}"
        stage = step["stage"]
        # A producer's traceparent is its own span; a stage's is the one in which it wrote.
        key = place if stage == PRODUCER else f"{stage} {step['traceparent']}"
        # By place, not by its dashes: who asked may have sent anything in it.
        trace_id, span_id = step["traceparent"][3:35], step["traceparent"][36:52]
        name = f"send {step['topic']}" if stage == PRODUCER else ""
        span = spans.setdefault(key, Span(name, stage, trace_id, span_id, step["timestamp"], []))
        span.topics.append(step["topic"])
        made_by[step["id"] or place] = span, step
        causes.setdefault(key, "" if stage == PRODUCER else step["caused_by"])
        if "decisions" in step["decisions"]:
            last[key] = step
    roots: list[Span] = []
    for key, span in spans.items():
        parent, cause = made_by.get(causes[key], (None, None))
        # What a stage read is what its cause was written to; without the cause, its own name says.
        span.name = span.name or f"process {cause['topic'] if cause else f'(by {span.stage})'}"
        _describe(span, last.get(key), cause)
        (roots if parent is None or parent is span else parent.children).append(span)
    return roots


def _describe(span: Span, step: Mapping[str, Any] | None, cause: Mapping[str, Any] | None) -> None:
    """Add what the stage decided and which models it called, beside what its cause carried."""
    if step is None or cause is None:  # what was added cannot be told from what was there
        return
    new, old = step["decisions"], cause["decisions"]
    for name in ("decisions", "degraded"):
        if added := new.get(name, [])[len(old.get(name, [])) :]:
            span.attributes[f"millrace.{name}"] = added
    if "candidates" in step:
        span.attributes["millrace.chunk.ids"] = [c["chunk_id"] for c in step["candidates"]]
        span.attributes["millrace.chunk.scores"] = [c["score"] for c in step["candidates"]]
    for datum in new.get("usage", [])[len(old.get("usage", [])) :]:
        used = ModelUsage.from_avro({**datum})
        span.children.append(_call(span, used))


def _call(of: Span, used: ModelUsage) -> Span:
    operation = operation_of(used)
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": used.model,
        "gen_ai.usage.input_tokens": used.input_tokens,
        "gen_ai.usage.output_tokens": used.output_tokens,
    }
    name = f"{operation} {used.model}"
    return Span(name, of.stage, of.trace_id, "", of.timestamp, [], told)


def lines(roots: Sequence[Span]) -> Iterator[str]:
    """A tree as a person reads it: milliseconds since its beginning, and what was written."""
    begun = min((root.timestamp for root in roots), default=0)

    def told(span: Span, indent: str) -> Iterator[str]:
        if span.span_id or span.topics:
            by = "" if span.stage == PRODUCER else f" ({span.stage})"
            wrote = ", ".join(dict.fromkeys(span.topics))
            yield f"{indent}{span.name}{by}  +{span.timestamp - begun} ms  -> {wrote}"
        else:
            read, written = (span.attributes[f"gen_ai.usage.{n}_tokens"] for n in _KINDS)
            yield f"{indent}{span.name}  {read} tokens read, {written} written"
        for child in span.children:
            yield from told(child, indent + "  ")

    for root in roots:
        yield from told(root, "")


_KINDS = ("input", "output")
