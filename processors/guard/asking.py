"""What a policy is told of a question, its variants and its hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processors.guard import personal
from processors.guard.decision import Decision
from processors.guard.identity import Identity
from processors.guard.ports import Policy
from processors.ports import StoredChunk
from schemas.events import QuestionAsked


def may_ask(policy: Policy, who: Identity, event: QuestionAsked) -> Decision:
    """Whether this question may be asked at all."""
    question: dict[str, object] = {
        "tenant": event.tenant,
        **_text(event.query),
        "filters": event.filters,
        "reply_to": event.reply_to or "",
    }
    return policy.decide("ask", {"identity": who.asked(), "question": question})


def may_search(policy: Policy, who: Identity, variants: Sequence[str]) -> Decision:
    """Which variants are searched for, and among what."""
    asked: Mapping[str, object] = {
        "identity": who.asked(),
        "variants": [_text(variant) for variant in variants],
    }
    return policy.decide("search", asked)


def may_show(policy: Policy, who: Identity, chunks: Sequence[StoredChunk]) -> tuple[bool, ...]:
    """Of each hit whether it may be shown; those of one label are asked about once."""
    labels = [(c.tenant, tuple(sorted(c.classes)), tuple(sorted(c.acl))) for c in chunks]
    known = [*dict.fromkeys(labels)]
    hits = [{"tenant": t, "classes": [*classes], "acl": [*acl]} for t, classes, acl in known]
    decided = policy.decide("show", {"identity": who.asked(), "hits": hits})
    shown = (
        {known[at] for at in decided.shown if 0 <= at < len(known)}
        if decided.allowed
        else set[object]()
    )
    return tuple(label in shown for label in labels)


def _text(text: str) -> dict[str, object]:
    """A policy decides by what was found in a text, never by looking itself: see docs/adr."""
    return {
        "text": text[: personal.LONGEST],
        "length": len(text),
        "found": [*personal.kinds(text)],
    }
