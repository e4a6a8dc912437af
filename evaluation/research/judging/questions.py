"""Claims made from questions with answers in a passage, for the judge's reader to learn from.

"Who signed the lease?" and "the tenant" are "The tenant signed the lease". Grammar is not kept
("the lease begin in May"); what matters is that the words are not the passage's own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from evaluation.research.judging.labelled import Judged
from processors.text.sentences import split_sentences

_SUBJECT = re.compile(
    r"(?:who|(?:what|which|how many)(?: [\w-]+){0,3}?) ((?:is|are|was|were|has|had|can|could|will|"
    r"would|won|led|made|gave|took|became|wrote|held|ran|began|\w+ed) .*)",
    re.IGNORECASE,
)
_IS = re.compile(r"(?:who|what) (is|are|was|were) (.*)", re.IGNORECASE)
_DID = re.compile(
    r"(?P<before>.*?)\b(?P<asked>when|where|how many|how much|how long|what|which|who|whom)\b"
    r"(?P<kind>.*?) ?\b(?:did|does|do) (?P<rest>.*)",
    re.IGNORECASE,
)
_WHEN = re.compile(r"(?:when|where) (is|are|was|were|has|had|can) (.*) (\S+)", re.IGNORECASE)
_PREPOSITIONS = frozenset(("in", "on", "at", "of", "to", "from", "by", "with"))


def pairs(passages: Mapping[str, Sequence[tuple[str, str]]], seed: str) -> list[Judged]:
    """From questions and answers by passage: each claim, and with another answer of its passage."""
    rng = random.Random(seed)
    found: list[Judged] = []
    for passage, asked in passages.items():
        sentences = [passage[a:b] for a, b in split_sentences(passage, markdown=False)]
        for question, answer in asked:
            claim = stated(question, answer)
            if claim is None:
                continue
            at = next((n for n, each in enumerate(sentences) if answer in each), 0)
            around = rng.choice([0, 0, 1, 2, 9])
            evidence = " ".join(sentences[max(0, at - around) : at + around + 1])
            found.append(Judged(claim, evidence, True))
            others = [a for _, a in asked if a not in answer and answer not in a]
            alike = [other for other in others if _kind(other) == _kind(answer)] or others
            if alike and (wrong := stated(question, rng.choice(alike))):
                found.append(Judged(wrong, evidence, False))
    return found


def stated(question: str, answer: str) -> str | None:
    """The question with its answer as a statement, or None for a form that is not known."""
    text = question.strip().rstrip("? ")
    claim = None
    if (found := _IS.fullmatch(text)) is not None:
        claim = f"{found[2]} {found[1]} {answer}"
    elif (found := _WHEN.fullmatch(text)) is not None:
        claim = f"{found[2]} {found[1]} {found[3]} in {answer}"
    elif (found := _DID.fullmatch(text)) is not None:
        before = found["before"].strip().lower()
        word = before if before in _PREPOSITIONS else ""
        if found["asked"].lower() in ("when", "where") or "year" in found["kind"]:
            word = word or "in"
        thing = found["kind"] if found["asked"].lower().startswith("how") else ""
        claim = " ".join(f"{found['rest']} {word} {answer} {thing}".split())
    elif (found := _SUBJECT.fullmatch(text)) is not None:
        claim = f"{answer} {found[1]}"
    return claim and f"{claim[0].upper()}{claim[1:]}."


def _kind(answer: str) -> tuple[bool, bool, int]:
    """Answers of one kind could stand for each other."""
    has_digit = any(character.isdigit() for character in answer)
    return has_digit, answer[0].isupper(), min(len(answer.split()), 3)
