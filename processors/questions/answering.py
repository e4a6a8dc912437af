"""`generate`, a stage for each tier: quotes, or a model whose sentences are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from processors.money.prices import PriceTable
from processors.needs import PARTIALS, PURSE, READER, generator
from processors.places import GENERATION
from processors.ports import Reader, Reading
from processors.questions import answers
from processors.questions.carried import decided, degraded, used
from processors.questions.generate import AnswerConfig, Lookup, answer
from processors.questions.grounded import GroundedConfig, Next, grounded, passed_on
from processors.questions.reading import read
from schemas import topics
from schemas.events import GenerationRequested, QuestionClosed
from streams.flow.errors import Reject, Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, batch_stage, record_stage
from streams.flow.topic import outputs

WAITING = 32  # questions that are answered in one go
_HALF = 0.5  # of the time until a deadline that reading may take
_SLOW = 0.15  # seconds a passage, before any was timed
_HOPE = 0.8  # of the pace, where it left no time to read: else one stall would end reading for good


# How long reading for all that wait may take: a slow machine reads less of each, to keep its pace.
_TOGETHER_S = 0.5


Left = answers.Ended | GenerationRequested
"""What a question ends with, or becomes for another tier."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How a tier answers."""

    quoting: AnswerConfig
    grounded: GroundedConfig | None = None  # None: answers are quotes
    concurrency: int = 1
    escalate: Next | None = None  # who is asked where nothing was quoted
    prices: PriceTable = field(default_factory=PriceTable)


class Extractive:
    """Answers all questions that wait, read together: fewer passages of each, the more there are.

    It knows how long a passage takes from the last ones, so that a deadline that is near leaves
    time for no more than can be read.
    """

    def __init__(
        self,
        reader: Reader | None,
        config: AnswerConfig,
        now: Callable[[], int],
        escalate: Next | None = None,
        prices: PriceTable | None = None,
    ) -> None:
        self._reader, self._config, self._now = reader, config, now
        self._escalate = escalate
        self._prices = prices or PriceTable()
        self._pace, self._timed = _SLOW, False

    def __call__(
        self, events: Sequence[GenerationRequested]
    ) -> list[Sequence[Left] | Reject | Retry]:
        lookups = [Lookup(event, self._config) for event in events]
        most = [self._most(event, len(events)) for event in events]
        if not any(most):
            self._pace *= _HOPE
        taken, why = self._read(lookups, most)
        found: list[Sequence[Left] | Reject | Retry] = []
        for lookup, own, readings in zip(lookups, most, taken, strict=True):
            if told := why or self._told(own, len(events)):
                carried = degraded(lookup.event.carried, told)
                lookup.event = replace(lookup.event, carried=carried)
            if readings:
                lookup.event = self._paid(lookup.event, readings)
            ended = [*answer(lookup, config=self._config, now=self._now)]
            found.append(self._escalated(lookup.event, ended) or ended)
        return found

    def _paid(self, event: GenerationRequested, read: Sequence[Reading]) -> GenerationRequested:
        model = f"reader@{self._reader.model[:8]}" if self._reader is not None else "reader"
        tokens = sum(each.input_tokens for each in read)
        carried = used(event.carried, self._prices.used("read", model, tokens))
        return replace(event, carried=carried)

    def _escalated(
        self, event: GenerationRequested, ended: Sequence[answers.Ended]
    ) -> list[GenerationRequested]:
        """The question for the next tier, where quotes answer nothing and it was not asked yet."""
        after = self._escalate
        answered = not any(
            isinstance(each, QuestionClosed) and each.answer.status == "abstained" for each in ended
        )
        if after is None or answered or after.tier in event.tried or not event.candidates:
            return []
        why = f"generate: {event.tier} finds no answer in the passages, {after.tier} is asked"
        return [passed_on(event, decided(event.carried, why), after)]

    def _most(self, event: GenerationRequested, waiting: int) -> int:
        """Passages that are read of a question: by its own deadline, which is no other's."""
        together = self._config.at_once
        if self._timed:
            in_time = max(int(_TOGETHER_S / self._pace), self._config.passages)
            together = min(together, in_time)
        share = max(together // waiting, min(self._config.at_once, 1))
        wanted = min(self._config.passages, share)
        left = answers.deadline(event) - self._now()
        return max(min(wanted, int(left / 1000 * _HALF / (self._pace * waiting))), 0)

    def _told(self, most: int, waiting: int) -> str:
        """What is told of a question of which fewer passages were read."""
        if self._reader is None or most >= self._config.passages:
            return ""
        if not most:
            return "generate: nothing was read, too many questions wait for the time there is"
        waits = f"{waiting} questions wait" if waiting > 1 else "the deadline is near"
        return f"generate: read {most} passages of {self._config.passages}, {waits}"

    def _read(
        self, lookups: Sequence[Lookup], most: Sequence[int]
    ) -> tuple[list[list[Reading]], str]:
        """What was read for each; or nothing, and why not, where nothing could be."""
        config, reader = self._config, self._reader
        nothing: list[list[Reading]] = [[] for _ in lookups]
        if reader is None or not any(most):
            return nothing, ""
        if config.reader and reader.model and reader.model != config.reader:
            return nothing, (
                f"generate: nothing was read, the reader's weights are {reader.model[:8]}, "
                f"policies/answering.yaml names {config.reader[:8]}"
            )
        begin = time.perf_counter()
        try:
            found = read(lookups, most, reader)
        except Retry as error:
            return nothing, f"generate: nothing was read, {error}"
        if passages := sum(len(part.reading) for lookup in lookups for part in lookup.parts):
            self._timed = True
            self._pace += 0.3 * ((time.perf_counter() - begin) / passages - self._pace)
        return found, ""


def stage(tier: str, config: Answering, now: Callable[[], int]) -> Stage:
    """`generate.TIER` in the topology."""
    name, reads = f"generate.{tier}", topics.RAG_GENERATE.named(tier)
    asking = config.grounded
    if asking is None:
        reads_passages = config.quoting.passages > 0
        writes = outputs(topics.RAG_ANSWERS, topics.RAG_CLOSED, topics.RAG_GENERATE)
        if config.escalate is None:  # then nothing of it is ever another tier's
            writes = replace(writes, topics=writes.topics[:2])
        return batch_stage(
            name,
            reads=reads,
            make=lambda opened: Extractive(
                opened[READER] if reads_passages else None,
                config.quoting,
                now,
                config.escalate,
                config.prices,
            ),
            writes=writes,
            dead_letters=topics.RAG_DLQ,
            place=GENERATION,
            needs=[READER] if reads_passages else [],
            promise=answers.PROMISE,
            max_batch=WAITING,
        )

    model = generator(tier)

    def make(opened: Opened):
        return partial(
            grounded,
            generator=opened[model],
            config=asking,
            now=now,
            partials=opened[PARTIALS],
            purse=opened[PURSE],
        )

    return record_stage(
        name,
        reads=reads,
        make=make,
        # Whom it passes a question on to, it names itself; on rag.partials it writes beside.
        writes=outputs(
            topics.RAG_ANSWERS, topics.RAG_CLOSED, topics.RAG_GENERATE, topics.RAG_PARTIALS
        ),
        dead_letters=topics.RAG_DLQ,
        place=GENERATION,
        needs=[model, PARTIALS, PURSE],
        promise=answers.PROMISE,
        concurrency=config.concurrency,
    )
