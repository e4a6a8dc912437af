"""`generate`, a stage for each tier: quotes, or a model whose sentences are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from processors.needs import GENERATOR
from processors.places import QUESTIONS
from processors.ports import Generator
from processors.questions import answers
from processors.questions.generate import AnswerConfig, generate
from processors.questions.grounded import GroundedConfig, grounded
from schemas import topics
from schemas.events import GenerationRequested
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import outputs


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
    now: Callable[[], int],
) -> Iterable[answers.Ended]:
    if generator is None or config.grounded is None:
        return generate(event, config=config.quoting, now=now)
    return grounded(
        event,
        generator=generator,
        config=config.grounded,
        quoting=config.quoting,
        now=now,
    )


def stage(tier: str, config: Answering, now: Callable[[], int]) -> Stage:
    """`generate.TIER` in the topology."""
    asks = config.grounded is not None

    def make(opened: Opened):
        return partial(
            _answer,
            generator=opened[GENERATOR] if asks else None,
            config=config,
            now=now,
        )

    return record_stage(
        f"generate.{tier}",
        reads=topics.RAG_GENERATE.named(tier),
        make=make,
        writes=outputs(topics.RAG_ANSWERS, topics.RAG_CLOSED),
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[GENERATOR] if asks else [],
        promise=answers.PROMISE,
        concurrency=config.concurrency,
    )
