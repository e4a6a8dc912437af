"""Questions that ask several things at once, taken apart."""

from __future__ import annotations

import re
from dataclasses import replace

from processors.questions.evidence import Asked, asked

MOST = 4
_VERB = r"(?:is|are|was|were|do|does|did|can|could|may|must|shall|should|will|would|has|have|had)\b"
# A new question begins after a question mark, where "and" is followed by a question word, or after
# a comma where what follows is hardly a clause about the word before it ("a card, which is blue").
_SEAM = re.compile(
    r"(?<=\?)\s+(?=\w)"
    r"|[,;]?(?<!\s)\s+and\s+(?:also\s+)?(?=(?:what|which|whom?|whose|when|where|why|how)\b)"
    rf"|(?P<comma>[,;])\s+(?=(?:(?:what|why|how)\b|(?:when|where)\s+{_VERB}|which\s+(?!{_VERB})\w+"
    r"|who\b[^,;?]*(?:\?|\Z|[,;]\s+(?:and\s+)?(?:what|which|who|when|where|why|how)\b)))",
    re.IGNORECASE,
)
# And what stands before it asks: "If a card is lost, who is told?" is one question.
_ASKS = re.compile(
    rf"(?:\A|[,;])\s*(?:and\s+)?(?:what|which|whom?|whose|why|how|(?:when|where)\s+{_VERB}|{_VERB}"
    r"|tell|explain|describe|list|name)\b",
    re.IGNORECASE,
)
# Weight of a term that only another part names; in full where a part points back to what it names.
_CONTEXT = 0.25
_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their|theirs|this|these|those)\b", re.IGNORECASE)


def parts_of(question: str) -> tuple[list[tuple[str, Asked]], list[str]]:
    """Each thing that is asked, as it was written and as it is looked up, and what is not.

    The first `MOST` are looked up. A part keeps the terms of the others at a fraction of their
    weight, or in full if it says "it".
    """
    texts = split(question)
    texts, left = texts[:MOST], texts[MOST:]
    whole = asked(" ".join(texts) if left else question)
    parts = [(text, asked(text)) for text in texts]
    if len(parts) < 2 or not all(part.terms for _, part in parts):
        return [(question, asked(question))], []
    return [
        (text, _in_context(part, whole, 1.0 if _POINTS_BACK.search(text) else _CONTEXT))
        for text, part in parts
    ], left


def split(question: str) -> list[str]:
    """The question at its seams; itself alone where it has none."""
    texts: list[str] = []
    at = 0
    for seam in _SEAM.finditer(question):
        before = question[at : seam.start()]
        if seam["comma"] and not _ASKS.search(before):
            continue
        texts.append(before)
        at = seam.end()
    texts.append(question[at:])
    return [text.strip() for text in texts if text.strip()]


def _in_context(part: Asked, whole: Asked, weight: float) -> Asked:
    own = {term.key for term in part.terms}
    rest = [term for term in whole.terms if term.key not in own]
    faint = [term._replace(weight=weight * term.weight, identifier=False) for term in rest]
    return replace(part, terms=(*part.terms, *faint), part=True)
