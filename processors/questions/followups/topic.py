"""What a question was about, for the next one to speak of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from processors.questions.followups.phrases import (
    ASKING,
    AUXILIARIES,
    PREPOSITIONS,
    Phrase,
    phrases,
    tokens,
)

_STEPS = re.compile(
    r"^how (?:do|does|can|could|should|must|may|would) (?:i|we|you|one|staff|"
    r"(?:an?|the) (?:customer|client|business|adviser|branch))\s+(?P<action>\w.*)$"
    r"|^how (?:to|is it possible to)\s+(?P<to>\w.*)$",
    re.IGNORECASE,
)
_THERE = re.compile(
    r"^(?:is|are) there (?:an?|any)?\s*(?P<what>\w.*)$"
    r"|^do(?:es)? (?:\w+ ){1,4}(?:have|charge|pay) (?:an?|any) (?P<had>\w.*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A question, its phrases, and which of them it is about."""

    question: str  # without its question mark
    phrases: Sequence[Phrase]

    @property
    def thing(self) -> Phrase | None:
        """What something is asked of: a name, else what is no attribute, person or time."""
        named = [each for each in self.phrases if each.named and not each.is_time]
        if plain := [each for each in named if len(each.words) > 1 or not each.identifier]:
            return plain[-1]
        if named:
            return named[-1]
        rest = [p for p in self.phrases if not (p.is_attribute or p.is_time or p.is_person)]
        rest = [p for p in rest if p.words[-1].key not in _NOTHING] or rest
        if not rest:
            others = [p for p in self.phrases if not p.is_time]
            behind = [p for p in others if p.preposition in ("of", "for", "on", "to")]
            return next(iter([*behind, *(p for p in others if p.is_attribute), *others]), None)
        of = [p for p in rest if p.preposition in ("of", "for", "on") and not p.asked]
        if of and any(p.is_attribute and p.end <= of[0].start for p in self.phrases):
            return of[0]
        articled = [p for p in rest if p.article]
        return next(iter(articled or rest), None)

    @property
    def attribute(self) -> Phrase | None:
        return next((each for each in self.phrases if each.is_attribute), None)

    @property
    def action(self) -> str:
        """What "how do I ..." asks to do; empty where it asks nothing of the kind."""
        found = _STEPS.match(self.question)
        return "" if found is None else (found["action"] or found["to"])

    @property
    def there(self) -> str:
        """What "is there a ..." asks for; empty likewise."""
        found = _THERE.match(self.question)
        return "" if found is None else (found["what"] or found["had"])

    @property
    def whole(self) -> str:
        """The attribute with what it is of: "the daily limit for a Premium card"."""
        first, thing = self.attribute, self.thing
        if first is None or thing is None or thing.start < first.end:
            return ""
        between = [t.key for t in tokens(self.question[first.end : thing.start])]
        if between and (between[0] not in PREPOSITIONS or {*between} & (AUXILIARIES | ASKING)):
            return ""
        article = "" if first.article else "the "
        return article + self.question[first.start : thing.end]


_NOTHING = frozenset(("cash", "money", "dormant", "day", "case", "way"))


def topic_of(question: str) -> Topic:
    plain = question.strip().rstrip("?!. ")
    return Topic(plain, phrases(plain))


def definite(text: str) -> str:
    """As something that was spoken of already: "the card", not "a card"."""
    first, _, rest = text.partition(" ")
    return f"the {rest}" if first.lower() in ("a", "an") and rest else text
