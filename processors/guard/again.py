"""A closed question asked of a policy again, by what its event kept of it."""

from __future__ import annotations

import re

from processors.guard import personal
from processors.guard.asking import may_search
from processors.guard.decision import Decision
from processors.guard.identity import identity_of
from processors.guard.ports import Policy
from schemas.events import QuestionClosed

_RULE = re.compile(r"\(rule ([\w.-]+), policy ")
_MASKED = re.compile(rf"\[({'|'.join(personal.KINDS)})\]")


def otherwise(event: QuestionClosed, policy: Policy) -> str:
    """What this policy decides otherwise than it was decided; empty: nothing.

    A question that was refused for its shape, or is not told apart by rules, stays as it was. Of
    one that was refused for personal data, the words in its place say what it held.
    """
    before = refused_by(event)
    if event.answer.status == "refused" and not before:
        return ""
    decided = asked_again(event, policy)
    if decided.allowed and before:
        return f"would answer what was refused by {', '.join(sorted(before))}"
    if not decided.allowed and not before:
        return f"would refuse by {decided.rules}"
    return ""


def asked_again(event: QuestionClosed, policy: Policy) -> Decision:
    """What it decides of the question, and of what was searched for it."""
    question = event.carried.question
    who = identity_of(question)
    about: dict[str, object] = {
        "identity": who.asked(),
        "question": {
            "tenant": question.tenant,
            "text": question.query,
            "length": len(question.query),
            "found": sorted({*personal.kinds(question.query), *_MASKED.findall(question.query)}),
            "filters": question.filters,
            "reply_to": question.reply_to or "",
        },
    }
    decided = policy.decide("ask", about)
    if not decided.allowed or not event.carried.variants:
        return decided
    return may_search(policy, who, event.carried.variants)


def refused_by(event: QuestionClosed) -> frozenset[str]:
    """The rules that refused it."""
    if event.answer.status != "refused":
        return frozenset()
    return frozenset(rule for said in event.answer.reasons for rule in _RULE.findall(said))
