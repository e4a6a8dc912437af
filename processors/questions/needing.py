"""What a question needs of whoever answers it, by its words and by what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from processors.questions.parts import split
from schemas.events import Candidate

Need = Literal["lookup", "parts", "comparison", "reasoning"]
NEEDS: tuple[Need, ...] = get_args(Need)

_COMPARISON = re.compile(
    r"\b(?:compar\w+|differ\w*|versus|vs\.?|better|worse|cheaper|cheapest|larger|largest|higher|"
    r"highest|lower|lowest|longest|shortest|more expensive|same as|unlike|in contrast|"
    r"vergleich\w*|unterschied\w*|günstig(?:er|ste)\w*)\b"
    r"|\b(?:which|what) of (?:the|these|those)\b|\bboth\b.*\band\b",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"\b(?:why|how come|explain|justify|infer|imply|implies|prove|derive|calculate|compute|"
    r"how (?:much|many) .*\b(?:in total|altogether|left|remain\w*|each|after)\b|what happens if|"
    r"what if|suppose|assum\w+|would .* if|under what (?:conditions|circumstances)|step by step|"
    r"warum|weshalb|erklär\w*|berechne\w*)\b",
    re.IGNORECASE,
)
_CHOICES = re.compile(r"^\s*[A-D][.)]\s", re.MULTILINE)  # a question of several answers
_FIGURES = re.compile(r"\d+")
_FEW_FIGURES = 3  # in a question that gives more than these there is something to reckon


@dataclass(frozen=True, slots=True)
class Needed:
    """What a question needs, and the signals that were looked at."""

    need: Need
    words: int
    confidence: float  # of retrieval: the best cosine of what was found; 0 where nothing was


def needed(query: str, candidates: Sequence[Candidate] = ()) -> Needed:
    """What the question needs: comparison before reasoning before several parts, else a lookup."""
    return Needed(_need(query), len(query.split()), confidence(candidates))


def _need(query: str) -> Need:
    if _COMPARISON.search(query):
        return "comparison"
    reckoned = len(_FIGURES.findall(query)) > _FEW_FIGURES
    if _REASONING.search(query) or _CHOICES.search(query) or reckoned:
        return "reasoning"
    return "parts" if len(split(query)) > 1 else "lookup"


def confidence(candidates: Sequence[Candidate]) -> float:
    """How near the best of what was found comes to the question, -1 to 1; 0 where nothing was."""
    best = (
        max(each.scores.get("dense", 0.0), each.scores.get("sentence", 0.0)) for each in candidates
    )
    return max(best, default=0.0)
