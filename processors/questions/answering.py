"""`generate`, a stage for each tier: quotes, or a model whose sentences are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from processors.needs import GENERATOR
from processors.places import QUESTIONS
from processors.ports import Generator
from processors.questions import answers
from processors.questions.generate import AnswerConfig, generate
from processors.questions.grounded import GroundedConfig, grounded
from schemas import topics
from schemas.events import GenerationRequested, Versions
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage


@dataclass(frozen=True, slots=True)
class Answering:
    """How a tier answers."""

    quoting: AnswerConfig
    grounded: GroundedConfig | None = None  # None: answers are quotes
    concurrency: int = 1


def _answer(
    event: GenerationRequested,
    *,
    generator: Generator | None,
    config: Answering,
    versions: Versions,
    now: Callable[[], int],
) -> answers.Answers:
    if generator is None or config.grounded is None:
        made = generate(event, config=config.quoting, versions=versions, now=now)
    else:
        made = grounded(
            event,
            generator=generator,
            config=config.grounded,
            quoting=config.quoting,
            versions=versions,
            now=now,
        )
    for each in made:
        yield from answers.with_reply(event.question, each)


def stage(tier: str, config: Answering, versions: Versions, now: Callable[[], int]) -> Stage:
    """`generate.TIER` in the topology."""
    asks = config.grounded is not None

    def make(opened: Opened):
        return partial(
            _answer,
            generator=opened[GENERATOR] if asks else None,
            config=config,
            versions=versions,
            now=now,
        )

    return record_stage(
        f"generate.{tier}",
        reads=topics.RAG_GENERATE.named(tier),
        make=make,
        writes=topics.RAG_ANSWERS,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[GENERATOR] if asks else [],
        promise=answers.promise(versions),
        concurrency=config.concurrency,
    )
