"""Questions that ask several things at once, taken apart."""

from __future__ import annotations

import re
from dataclasses import replace

from processors.evidence import Asked, asked

MOST = 4
# A new question begins after a question mark, or where "and" is followed by a question word.
_SEAM = re.compile(
    r"(?<=\?)\s+(?=\w)"
    r"|[,;]?\s+and\s+(?:also\s+)?(?=(?:what|which|whom?|whose|when|where|why|how)\b)",
    re.IGNORECASE,
)
# Weight of a term that only another part names; in full where a part points back to what it names.
_CONTEXT = 0.25
_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their|theirs|this|these|those)\b", re.IGNORECASE)


def parts_of(question: str) -> list[tuple[str, Asked]]:
    """Each thing that is asked, as it was written and as it is looked up; at most `MOST`.

    A part keeps the terms of the others at a fraction of their weight, or in full if it says "it".
    """
    whole = asked(question)
    texts = split(question)
    if not 1 < len(texts) <= MOST:
        return [(question, whole)]
    parts = [(text, asked(text)) for text in texts]
    if not all(part.terms for _, part in parts):
        return [(question, whole)]
    return [
        (text, _in_context(part, whole, 1.0 if _POINTS_BACK.search(text) else _CONTEXT))
        for text, part in parts
    ]


def split(question: str) -> list[str]:
    """The question at its seams; itself alone where it has none."""
    return [text.strip() for text in _SEAM.split(question) if text.strip()]


def _in_context(part: Asked, whole: Asked, weight: float) -> Asked:
    own = {term.key for term in part.terms}
    rest = [term for term in whole.terms if term.key not in own]
    faint = [term._replace(weight=weight * term.weight, identifier=False) for term in rest]
    return replace(part, terms=(*part.terms, *faint))
