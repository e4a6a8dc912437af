"""What is done to a claim: made shorter, or changed so that its evidence no longer supports it."""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Callable, Mapping, Sequence

from evaluation.research.judging.rewording import reworded

_NAME = re.compile(r"[A-Z][\w'’-]+(?: (?:of |de |the )?[A-Z][\w'’-]+)*")  # noqa: RUF001
_NUMBER = re.compile(
    r"\b\d+(?:[.,]\d+)*\b|\b(?:two|three|four|five|six|seven|eight|nine|ten|first|second|third|"
    r"fourth|hundred|thousand|million|billion)\b"
)
_COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MONTHS = tuple(calendar.month_name)[1:]
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|has|have|had|can|could|will|would|may|must|should|did|does|do)\b"
    r"(?! not|n't)"
)
_NEGATION = re.compile(r"\b(not|never)\b")
_KEPT = re.compile(r"(not|never|no|n't|without|only)$")
_LONG_WORD = re.compile(r"\b[a-z]{4,}\b")
_OPENING = re.compile(
    r"(?:In|On|At|During|After|Before|However|Moreover|Furthermore|Also|Additionally)[^,]{0,40}, ?"
)
_CLAUSE = re.compile(r",? (?:which|who|although|while|because|whereas|when|but|; )")
_PHRASE = re.compile(r" (?=(?:in|on|at|by|with|during|for|after|from|under|through)\b)|, ")
_JOINT = re.compile(
    r" (?=(?:and|but|which|who|in|on|for|to|by|with|is|was|are|were|has|had|that|at|from|of|after|"
    r"as)\b)"
)
_BRACKETS = re.compile(r" ?\([^)]*\)")

_OPPOSITES = """increase decrease increased decreased increases decreases higher lower high low
    more less most least before after first last best worst largest smallest large small
    longer shorter long short early late earlier later above below major minor
    positive negative success failure successful unsuccessful win lose won lost accept reject
    accepted rejected allow prohibit allowed prohibited begin end began ended start finish
    started finished rise fall rose fell north south east west northern southern
    eastern western male female men women man woman boy girl father mother son daughter
    husband wife brother sister old young new old inside outside with without always never
    all none many few include exclude includes excludes including excluding strong weak
    improve worsen improved worsened public private open closed common rare
    popular unpopular alive dead born died buy sell bought sold up down over under
    left right agree disagree agreed disagreed able unable same different similar different
    maximum minimum rich poor hot cold effective ineffective significant insignificant
    legal illegal supported opposed support oppose joined left appeared disappeared gain loss
    internal external day night summer winter winner loser majority minority
    direct indirect active inactive required forbidden domestic foreign American British
    German French English Spanish Chinese Japanese Italian Russian actor singer film song
    city country king queen"""


def _opposites(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one, other in zip(words[::2], words[1::2], strict=True):
        found.setdefault(one, other)
        found.setdefault(other, one)
    return found


_OPPOSITE = _opposites(_OPPOSITES.split())


class Changes:
    """What is done to a claim; every change is None where the claim has no place for it.

    Names and words that are put in come from the claim's own text or from any of `texts`, which are
    lists of sentences.
    """

    def __init__(self, texts: Sequence[Sequence[str]], rng: random.Random) -> None:
        self._rng = rng
        self._names = [name for text in texts for each in text for name in _names(each)]
        self._words = [w for text in texts for each in text for w in _LONG_WORD.findall(each)]
        self.of: Mapping[str, Callable[[str, Sequence[str]], str | None]] = {
            "name": self._other_name,
            "number": self._other_number,
            "negation": self.negated,
            "opposite": self._opposite,
            "word": self._other_word,
            "exchange": self._exchanged,
        }

    def shortened(self, sentence: str) -> str:
        """A claim that says less, in slightly other words."""
        draw = self._rng.random
        claim = _BRACKETS.sub("", sentence)
        if draw() < 0.5 and (found := _CLAUSE.search(claim)) and found.start() > 30:
            claim = claim[: found.start()]
        if draw() < 0.4 and (found := _OPENING.match(claim)):
            claim = claim[found.end() :]
            claim = claim[:1].upper() + claim[1:]
        if draw() < 0.4:
            places = [each.start() for each in _PHRASE.finditer(claim) if each.start() > 35]
            claim = claim[: self._rng.choice(places)] if places else claim
        if draw() < 0.35:
            claim = " ".join(
                word
                for number, word in enumerate(claim.split(" "))
                if not number
                or draw() > 0.12
                or _KEPT.match(word)
                or any(character.isdigit() for character in word)
            )
        return reworded(claim.strip(" ,;"), self._rng)

    def negated(self, claim: str, _text: Sequence[str]) -> str | None:
        if _NEGATION.search(claim):
            return re.sub(r"\b(not|never) ", "", claim, count=1)
        place = _AUXILIARY.search(claim)
        if not place:
            return None
        return (
            claim[: place.end()]
            + self._rng.choice([" not", " not", " never"])
            + claim[place.end() :]
        )

    def fused(self, claim: str, text: Sequence[str]) -> str | None:
        """Its beginning with the end of another sentence."""
        other = self._rng.choice(text)
        if other == claim or len(other.split()) < 8:
            return None
        ends, begins = _joints(claim), _joints(other)
        if not ends or not begins:
            return None
        return claim[: self._rng.choice(ends)] + other[self._rng.choice(begins) :]

    def _other_name(self, claim: str, text: Sequence[str]) -> str | None:
        names = _names(claim)
        if not names:
            return None
        old = self._rng.choice(names)
        if old in _MONTHS:
            new = self._rng.choice([month for month in _MONTHS if month != old])
        else:
            own = [n for each in text for n in _names(each) if n not in claim and n not in old]
            new = self._rng.choice(own if own and self._rng.random() < 0.6 else self._names)
        return None if new in claim else claim.replace(old, new, 1)

    def _other_number(self, claim: str, text: Sequence[str]) -> str | None:
        places = list(_NUMBER.finditer(claim))
        if not places:
            return None
        place = self._rng.choice(places)
        old = place[0]
        own = [
            found[0]
            for each in text
            for found in _NUMBER.finditer(each)
            if found[0] != old
            and found[0][0].isdigit() == old[0].isdigit()
            and len(found[0]) == len(old)
        ]
        if own and self._rng.random() < 0.5:
            new = self._rng.choice(own)
        elif old[0].isdigit():
            at = self._rng.randrange(len(old))
            while not old[at].isdigit():
                at = self._rng.randrange(len(old))
            new = f"{old[:at]}{(int(old[at]) + self._rng.randint(1, 8)) % 10}{old[at + 1 :]}"
        else:
            new = self._rng.choice([word for word in _COUNTS if word != old])
        return None if new == old else claim[: place.start()] + new + claim[place.end() :]

    def _opposite(self, claim: str, _text: Sequence[str]) -> str | None:
        places = [
            found
            for found in re.finditer(r"\b\w+\b", claim)
            if found[0] in _OPPOSITE or found[0].lower() in _OPPOSITE
        ]
        if not places:
            return None
        place = self._rng.choice(places)
        new = _OPPOSITE.get(place[0]) or _OPPOSITE[place[0].lower()]
        new = new[0].upper() + new[1:] if place[0][0].isupper() else new
        return claim[: place.start()] + new + claim[place.end() :]

    def _other_word(self, claim: str, text: Sequence[str]) -> str | None:
        """With a word of the same ending, from this text or another."""
        places = list(_LONG_WORD.finditer(claim))
        if not places:
            return None
        place = self._rng.choice(places)
        ending = next(end for end in ("ing", "ed", "ly", "s", "") if place[0].endswith(end))
        own = [word for each in text for word in _LONG_WORD.findall(each)]
        for _ in range(30):
            word = self._rng.choice(own if self._rng.random() < 0.5 else self._words)
            if word.endswith(ending) and word[:4] != place[0][:4] and word not in claim:
                return claim[: place.start()] + word + claim[place.end() :]
        return None

    def _exchanged(self, claim: str, _text: Sequence[str]) -> str | None:
        """Two of its names in each other's place."""
        names = list(dict.fromkeys(_names(claim)))
        if len(names) < 2:
            return None
        one, other = self._rng.sample(names, 2)
        if one in other or other in one:
            return None
        return claim.replace(one, "\0").replace(other, one).replace("\0", other)


def _names(sentence: str) -> list[str]:
    """A single capitalised word at the beginning is none."""
    found = _NAME.finditer(sentence)
    return [each[0] for each in found if each.start() > 0 or " " in each[0]]


def _joints(sentence: str) -> list[int]:
    places = [each.start() for each in _JOINT.finditer(sentence)]
    return [place for place in places if 10 < place < len(sentence) - 10]
