"""`rewrite`: what a question means in its session, and what is searched for, itself first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from processors.models import Generator
from processors.money.paying import Paying, Unaffordable
from processors.money.ports import Free, Purse
from processors.money.prices import PriceTable
from processors.needs import PURSE, SESSIONS
from processors.needs import generator as generator_of
from processors.places import QUESTIONS
from processors.ports import Sessions
from processors.questions import answers
from processors.questions.carried import degraded
from processors.questions.followups.understanding import Filled, Spelling, in_session
from schemas import topics
from schemas.events import QuestionAdmitted, QuestionRewritten
from streams.flow.errors import Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import outputs

DEGRADED = "rewrite: no variants"
MOST = 3  # beside the question itself
_LONGEST = 500  # characters; what is longer is no question
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"wordings": {"type": "array", "items": {"type": "string"}}},
    "required": ["wordings"],
    "additionalProperties": False,
}
_MARK = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class VariantsConfig:
    """What a model is asked: see `rewrite.md` and `followup.md` in `policies/prompts`."""

    instructions: str = ""
    followup: Filled | None = None  # None: follow-ups are spelled out by rules alone
    most: int = MOST
    tokens: int = 200
    prices: PriceTable = field(default_factory=PriceTable)
    tier: str = ""  # whose model it is
    structured: bool = False  # it is asked for JSON, by `SCHEMA`


def rewrite(
    event: QuestionAdmitted,
    *,
    sessions: Sessions,
    now: Callable[[], int],
    generator: Generator | None = None,
    config: VariantsConfig | None = None,
    purse: Purse | None = None,
) -> Iterator[QuestionRewritten]:
    """The question, spelled out by its session; with a model up to three other wordings of it.

    Variants that cost no model (without question words; the identifiers alone) changed nDCG@10 by
    less than .01 either way on five sets, at twice the work: BM25 drops question words and keeps
    identifiers whole by itself. A model that does not answer in time, or gives nothing usable,
    leaves the question alone and is named in `degraded`.
    """
    asked = config or VariantsConfig()
    paying = None
    if generator is not None:
        paying = Paying(generator, asked.prices, purse or Free(), asked.tier)
    asking = None if paying is None else Spelling(paying, asked.followup)
    carried = in_session(event.carried, sessions, asking, now)
    query = carried.question.query
    variants: list[str] = []
    if paying is not None:
        said = DEGRADED
        try:
            schema = SCHEMA if asked.structured else None
            carried, made = paying.complete(
                carried,
                "rewrite",
                asked.instructions,
                query,
                most_tokens=asked.tokens,
                schema=schema,
            )
            text = lines_of(made.text) if asked.structured else made.text
            variants = variants_in(text, query)[: min(asked.most, MOST)]
        except Unaffordable as why:
            said = f"{DEGRADED}, {why}"
        except Retry:
            variants = []
        if not variants:
            carried = degraded(carried, said)
    yield QuestionRewritten(carried=replace(carried, variants=[query, *variants]))


def lines_of(text: str) -> str:
    """The wordings of an answer by `SCHEMA`, a line each; what is none of that as it stands."""
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError):  # "[" as often as it may say
        return text
    found = cast("dict[str, object]", said).get("wordings") if isinstance(said, dict) else None
    if not isinstance(found, list):
        return ""
    return "\n".join(
        " ".join(each.split()) for each in cast("list[object]", found) if isinstance(each, str)
    )


def variants_in(text: str, query: str) -> list[str]:
    """The lines of a model's answer that are questions of their own, without list marks."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        variant = " ".join(_MARK.sub("", line, count=1).strip(" \"'`").split())
        if variant and len(variant) <= _LONGEST:
            found.setdefault(variant.casefold(), variant)
    found.pop(" ".join(query.split()).casefold(), None)
    return [*found.values()]


REWRITING = 8  # questions that wait at once: for a model, or for the turn before


def stage(config: VariantsConfig | None, now: Callable[[], int]) -> Stage:
    """`rewrite` in the topology; without a model (None) only those of a session come to it."""

    def make(opened: Opened):
        if config is None:
            return partial(rewrite, sessions=opened[SESSIONS], now=now)
        return partial(
            rewrite,
            sessions=opened[SESSIONS],
            now=now,
            generator=opened[generator_of(config.tier)],
            config=config,
            purse=opened[PURSE],
        )

    return record_stage(
        "rewrite",
        reads=topics.RAG_ADMITTED,
        make=make,
        writes=outputs(topics.RAG_REWRITTEN, topics.RAG_ANSWERS, topics.RAG_CLOSED),
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[SESSIONS] if config is None else [SESSIONS, generator_of(config.tier), PURSE],
        promise=answers.PROMISE,
        concurrency=REWRITING,
    )
