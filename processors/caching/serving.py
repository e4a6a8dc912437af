"""A question that was answered lately for somebody who may see as much: its answer again.

The answer is given only while every chunk it rests on is in the store as it was, and the policy in
force shows each of them to the one who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processors.caching.entries import Caching, Kept, Keys, decoded, keys, passage
from processors.caching.ports import AnswerCache
from processors.guard.sight import Permit
from processors.ports import ChunkStore, Embedder
from processors.questions.answers import Ended, close
from processors.questions.carried import decided, made_with
from streams.flow.errors import Retry

Served = Sequence[Ended] | None
"""What ends the question; None: it has to be looked up."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Answers from the cache."""

    cache: AnswerCache
    store: ChunkStore
    embedder: Embedder
    caching: Caching
    now: Callable[[], int]

    def __call__(self, permits: Sequence[Permit]) -> list[Served]:
        """Of each question; whatever is away, it is looked up."""
        try:
            return [self._served(permit) for permit in permits]
        except Retry:
            return [None] * len(permits)

    def _served(self, permit: Permit) -> Served:
        tenant = permit.carried.question.tenant
        carried = made_with(
            permit.carried, embedding_model=self.embedder.model, index=self.store.version
        )
        wanted = keys(carried, permit.decision.policy, permit.sight.access)
        found = self._found(tenant, wanted, carried.question.query)
        if found is None or self.store.lacking.of(tenant):
            return None
        how, kept = found
        there = self.store.fetch(tenant, [each.chunk_id for each in kept.rests])
        chunks = [there[each.chunk_id] for each in kept.rests if each.chunk_id in there]
        if len(chunks) < len(kept.rests):
            return None
        current = all(each.is_now(there[each.chunk_id]) for each in kept.rests)
        if not current or not all(permit.sight.shows(chunks)):
            return None
        said = f"retrieve: answered from the cache ({how}), as request {kept.request_id}"
        return [
            *close(
                decided(carried, said),
                "answered",
                self.now(),
                answer=kept.answer,
                passages=[passage(chunk) for chunk in chunks],
                citations=kept.citations,
                tier=kept.tier,
                model=kept.model,
                cached=how,
            )
        ]

    def _found(self, tenant: str, wanted: Keys, query: str) -> tuple[str, Kept] | None:
        values = self.cache.get(tenant, wanted.all)
        entries = [None if value is None else decoded(value) for value in values]
        if exact := entries[0]:
            return "exact", exact
        similar = entries[1] if len(entries) > 1 else None
        if not similar:
            return None
        one, other = self.embedder.embed_queries([query, similar.query])
        return ("similar", similar) if float(one @ other) >= self.caching.similar else None
