"""`keep`: answers that may be given again, by who may see what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Never

from processors.caching.entries import Caching, kept, keys
from processors.caching.ports import AnswerCache
from processors.guard.asking import may_search
from processors.guard.identity import identity_of
from processors.guard.ports import Policy
from processors.needs import ANSWERS, POLICY
from processors.places import QUESTIONS
from schemas import topics
from schemas.events import QuestionClosed
from streams.flow.errors import Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import nothing


def keep(
    event: QuestionClosed,
    *,
    cache: AnswerCache,
    policy: Policy,
    caching: Caching,
    now: Callable[[], int],
) -> Iterator[Never]:
    """Keep its answer, unless another policy is in force by now, or the cache is away."""
    carried = event.carried
    left = caching.kept_s - (now() - event.closed_at) / 1000
    entry = kept(event)
    if entry is None or left <= 0:
        return iter(())
    decision = may_search(policy, identity_of(carried.question), [carried.question.query])
    if decision.allowed and not decision.dropped and decision.policy == carried.versions.policy:
        wanted = keys(carried, decision.policy, decision.access).all
        documents = {each.doc_id for each in entry.rests}
        with suppress(Retry):  # it is only looked up again
            cache.put(carried.question.tenant, wanted, entry.encoded(), documents, left)
    return iter(())


def stage(caching: Caching, now: Callable[[], int]) -> Stage:
    """`keep` in the topology."""

    def make(opened: Opened):
        return partial(keep, cache=opened[ANSWERS], policy=opened[POLICY], caching=caching, now=now)

    return record_stage(
        "keep",
        reads=topics.RAG_CLOSED,
        writes=nothing(),
        make=make,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[ANSWERS, POLICY],
    )
