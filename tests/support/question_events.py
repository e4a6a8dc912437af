"""What a question carries, for the tests of what happens on its way."""

from __future__ import annotations

from schemas.events import Carried, Question
from tests.support.fakes import VERSIONS


def question(query: str, *, tenant: str = "acme", top_k: int = 10, **filters: str) -> Question:
    return Question(
        request_id="r",
        tenant=tenant,
        query=query,
        session_id=None,
        user=None,
        filters=filters,
        top_k=top_k,
        deadline_at=0,
        reply_to=None,
        asked_at=0,
    )


def carried(asked: str | Question, **known: object) -> Carried:
    """Of a question, or of its query; what is `known` beside it."""
    asked = question(asked) if isinstance(asked, str) else asked
    given = {"versions": VERSIONS, "variants": [asked.query]} | known
    return Carried(question=asked, **given)  # type: ignore[arg-type]
