"""`forget`: kept answers that rest on a document go once it, or who may see it, has changed.

What is given again is held against the store anyway: this leaves nothing lying about.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Never

from processors.caching.ports import AnswerCache
from processors.needs import ANSWERS
from processors.places import QUESTIONS
from schemas import topics
from schemas.events import DocumentIndexed
from streams.flow.errors import Reject, Retry
from streams.flow.stage import Stage, batch_stage
from streams.flow.topic import nothing


def forget(
    events: Sequence[DocumentIndexed], *, cache: AnswerCache
) -> list[Sequence[Never] | Reject | Retry]:
    """All at once; nothing is dropped for what changed nothing."""
    changed = {(e.document.tenant, e.document.doc_id) for e in events if not e.superseded}
    try:
        if changed:
            cache.drop(changed)
    except Retry as failure:
        return [failure] * len(events)
    return [()] * len(events)


def stage() -> Stage:
    """`forget` in the topology."""
    return batch_stage(
        "forget",
        reads=topics.DOCS_INDEXED,
        writes=nothing(),
        make=lambda opened: partial(forget, cache=opened[ANSWERS]),
        dead_letters=topics.DOCS_DLQ,
        place=QUESTIONS,
        needs=[ANSWERS],
    )
