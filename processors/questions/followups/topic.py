"""What a question was about, for the next one to speak of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from processors.questions.followups.phrases import (
    ASKING,
    AUXILIARIES,
    PLACES,
    PREPOSITIONS,
    Phrase,
    phrases,
    tokens,
)

_WHO = (
    r"(?:i|we|you|one|staff|(?:an?|the) (?:personal |private |business )?"
    r"(?:customer|client|business|adviser|branch|renter|holder|user|borrower|company|employee))"
)
_STEPS = re.compile(
    rf"\b(?:do|does|can|could|should|must|may|would) {_WHO} (?P<action>[a-z]\w*\b.*)$"
    r"|(?:^how|\b(?:cost|take|needed|required|used|possible|allowed)) to (?P<to>[a-z]\w*\b.*)$",
    re.IGNORECASE,
)
# "May a limit be raised", "how soon is a lost card blocked": something is done to something.
_EVENT = re.compile(
    r"\b(?:can|could|may|must|shall|should|will) (?P<what>.+?) be (?P<done>\w+ed|sent|paid|given)\b"
    r"|\b(?:is|are|was|were) (?P<thing>(?:an?|the) .+?) (?P<did>\w+ed|sent|paid|given)$",
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
        named = [p for p in self.phrases if p.named and not p.is_time and not _acronym(p)]
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
        found = _STEPS.search(self.question)
        said = "" if found is None else (found["action"] or found["to"])
        return "" if said.split(" ")[0].lower() in PREPOSITIONS | {"be", "have", ""} else said

    @property
    def event(self) -> str:
        """What is done to something: "a lost card to be blocked"; empty: nothing is."""
        found = _EVENT.search(self.question)
        if found is None:
            return ""
        return f"{found['what'] or found['thing']} to be {found['done'] or found['did']}"

    @property
    def doing(self) -> str:
        """The same as a noun: "blocking a lost card"."""
        found = _EVENT.search(self.question)
        done = "" if found is None else (found["done"] or found["did"])
        if found is None or not done.endswith("ed"):
            return ""
        return f"{done[:-2]}ing {found['what'] or found['thing']}"

    @property
    def place(self) -> str:
        """Where something is asked about: "in the corporate portal"."""
        found = [p for p in self.phrases if p.preposition in PLACES and not p.is_time]
        return f"{found[-1].preposition} {found[-1].text()}" if found else ""

    @property
    def several(self) -> str:
        """Things that are spoken of as several; empty: none are."""
        found = [p for p in self.phrases if p.words[-1].key != p.head and not p.article]
        found = [p for p in found if not (p.is_time or p.is_person or p.is_attribute)]
        return self.full(found[0]) if found else ""

    def full(self, phrase: Phrase) -> str:
        """A phrase with what it is of: "a recall of a transfer"."""
        end = phrase.end
        for each in self.phrases:
            between = self.question[end : each.start].strip() if each.start >= end else ""
            if between == "of":
                end = each.end
        return self.question[phrase.start : end]

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


def _acronym(phrase: Phrase) -> bool:
    """ "a PIN" is no name of a thing."""
    return len(phrase.words) == 1 and phrase.words[0].text.isupper() and not phrase.identifier


def topic_of(question: str) -> Topic:
    plain = re.sub(r"^(?:and|but|so|or|then)\b,?\s+", "", question.strip(), flags=re.IGNORECASE)
    plain = plain.rstrip("?!. ")
    return Topic(plain, phrases(plain))


def many(text: str) -> str:
    """Several of it: "they" are cards, where a card was spoken of."""
    first, _, rest = text.partition(" ")
    rest = rest if first.lower() in ("a", "an", "the") else text
    return rest if rest.endswith("s") or " of " in rest else f"{rest}s"


def definite(text: str) -> str:
    """As something that was spoken of already: "the card", not "a card"."""
    first, _, rest = text.partition(" ")
    return f"the {rest}" if first.lower() in ("a", "an") and rest else text
