"""A process of `ask`: the question stages' processors called one after the other, no Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack

from evaluation.bench.child import serve
from evaluation.stages import Running, open_stages, through
from schemas.events import QuestionAnswered, QuestionAsked, QuestionClosed
from streams.app import opening
from streams.app.settings import load
from streams.runtime.worker import collect_seldom

_open = ExitStack()
_stages: list[Running] = []


def prepare() -> list[str]:
    """Open the index and the model; returns the stages that are called, in order."""
    settings = load()
    waited_for = [stage.name for stage in opening.stages(settings) if stage.promise is not None]
    opened = open_stages(settings, _open, waited_for)
    collect_seldom()  # as a worker does
    _stages.extend(opened.by_name.values())
    return [each.stage.name for each in _stages]


def one_by_one(tenant: str, queries: list[str]) -> list[float]:
    """Milliseconds of each question, asked alone."""
    took: list[float] = []
    for query in queries:
        begin = time.perf_counter()
        _answers(tenant, [query])
        took.append((time.perf_counter() - begin) * 1000)
    return took


def in_batches(tenant: str, queries: list[str], size: int) -> float:
    """Questions per second where `size` are answered in one call."""
    begin = time.perf_counter()
    for at in range(0, len(queries), size):
        _answers(tenant, queries[at : at + size])
    return len(queries) / (time.perf_counter() - begin)


def _answers(tenant: str, queries: Sequence[str]) -> list[QuestionAnswered]:
    events: list[object] = [
        QuestionAsked(request_id=str(uuid.uuid4()), tenant=tenant, query=query) for query in queries
    ]
    answers: list[QuestionAnswered] = []
    for stage in _stages:
        kind = stage.stage.reads[0].event
        made = through(stage, [each for each in events if isinstance(each, kind)])
        answers += [each for each in made if isinstance(each, QuestionAnswered)]
        # A stage may hand a question to one that comes later than the next.
        events = [each for each in events if not isinstance(each, kind)]
        events += [e for e in made if not isinstance(e, QuestionAnswered | QuestionClosed)]
    if len(answers) != len(queries):
        raise RuntimeError(f"{len(queries)} questions gave {len(answers)} answers")
    return answers


if __name__ == "__main__":
    with _open:
        serve({"prepare": prepare, "one_by_one": one_by_one, "in_batches": in_batches})
