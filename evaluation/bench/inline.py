"""A process of `ask`: the question stages' processors called one after the other, no Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import cast

from evaluation.bench.child import serve
from evaluation.stages import Running, open_stages, through
from processors import needs
from processors.guard import personal
from processors.guard.access import EVERYONE, UNCLASSIFIED, Access
from processors.guard.decision import Ask, Decision
from schemas.events import QuestionAnswered, QuestionAsked, QuestionClosed
from streams.app import opening
from streams.app.config import config
from streams.app.settings import load
from streams.app.topology import topology
from streams.runtime.worker import collect_seldom

_open = ExitStack()
_stages: list[Running] = []


class Permitting:
    """A `Policy` that lets everything through, without looking."""

    _access = Access(frozenset({UNCLASSIFIED}), frozenset({EVERYONE}))

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:  # noqa: ARG002
        hits = cast("Sequence[object]", about.get("hits", ()))
        shown = tuple(range(len(hits)))
        return Decision(True, "none", shown=shown, access=self._access)


def _nothing(text: str) -> tuple[str, ...]:  # noqa: ARG001
    """Kinds of personal data that nobody looks for."""
    return ()


class Uncounted:
    """A `TokenCounter` that does not count."""

    def count(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)


def prepare(unguarded: bool = False) -> list[str]:
    """Open the index and the model; returns the stages that are called, in order.

    Unguarded, nothing is looked for in a question or a passage, no policy is asked, and nothing is
    counted.
    """
    settings = load()
    made = opening.stages(settings)
    if unguarded:
        chosen = config(settings)
        made = topology(replace(chosen, retrieval=replace(chosen.retrieval, instructions=None)))
        personal.kinds = _nothing
    waited_for = [stage.name for stage in made if stage.promise is not None]
    opened = open_stages(settings, _open, waited_for)
    ports = opened.ports
    if unguarded:
        ports = ports.beside(needs.POLICY, Permitting()).beside(needs.COUNTER, Uncounted())
    collect_seldom()  # as a worker does
    _stages.extend(Running(each, each.make(ports)) for each in made if each.name in waited_for)
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
