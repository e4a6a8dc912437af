"""Which part of a question a fragment stands for."""

from __future__ import annotations

from collections.abc import Sequence

from processors.questions.followups.phrases import (
    PLACES,
    Phrase,
    opposite,
)

LIKE = 2.0  # from where on a phrase is taken to stand for another


def likeness(new: Phrase, old: Phrase) -> float:
    """How much `new` is the sort of thing that `old` is."""
    if new.is_time != old.is_time:
        return -5.0
    score = 0.0
    if new.head == old.head or new.is_one:
        score += 4.0
    elif any(new.words[-1].key == word.key for word in old.before):
        score += 3.0
    if new.identifier and new.identifier == old.identifier:
        score += 4.0
    if new.named and old.named:
        score += 2.0
        score += any(w.key == o.key for w in new.words for o in old.words)
    if any(opposite(word.text, old.words) for word in new.words):
        score += 3.0
    if new.is_attribute and old.is_attribute:
        score += 3.0
    if new.is_attribute != old.is_attribute and new.head != old.head:
        score -= 2.0
    if new.is_time:
        score += 2.0
    same = new.preposition == old.preposition and bool(new.preposition)
    if same or {new.preposition, old.preposition} <= PLACES:
        score += 2.0
    if new.is_person and old.is_person:
        score += 2.0
    if old.is_person and not new.is_person:
        score -= 1.5
    return score


def likest(new: Phrase, olds: Sequence[Phrase]) -> Phrase | None:
    """The phrase that `new` stands for, the later of two alike; None where none is like it."""
    best = max(olds, key=lambda old: (likeness(new, old), old.start), default=None)
    return best if best is not None and likeness(new, best) >= LIKE else None
