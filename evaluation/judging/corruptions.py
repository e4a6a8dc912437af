"""Claims that a text supports, and claims made from them that it does not.

A sentence shortened or turned round is still supported; one with a number, a name, a negation or a
word exchanged is not. So a cross-encoder learns what makes a claim false without anybody's labels.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Neighbours = Callable[[str], list[str]]
"""Words of the same kind as a word: what static embeddings put beside it."""


def _listed(text: str) -> list[str]:
    return text.split()


_NUMBER = re.compile(r"\b\d+(?:[.,]\d+)*\b")
_NAME = re.compile(r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_INNER_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'-]+(?: (?:of |the |de )?[A-Z][\w'-]+)*")
_PIECES = re.compile(r"\w+(?:[.,]\d+)*(?:['-]\w+)*|[^\w\s]|\s+")
_OPENING = re.compile(r"((?:In|On|At|During|After|Before|By|For|With|As) [^,]{4,60}), (.*?)(\.?)\Z")
_COUNTS = _listed("""one two three four five six seven eight nine ten eleven twelve twenty thirty
    hundred thousand million billion first second third fourth fifth""")
_MONTHS = _listed("""January February March April May June July August September October November
    December""")
_SPELLED = re.compile(rf"\b(?:{'|'.join(_COUNTS + _MONTHS)})\b")
_AUXILIARIES = frozenset(
    _listed(
        """is are was were can could will would should must may might has have had does did do"""
    )
)
_OPPOSITES = _listed("""
    increase decrease increased decreased increases decreases higher lower high low more less most
    least before after always never large small larger smaller largest smallest early late earlier
    later first last north south east west northern southern eastern western male female men women
    man woman young old good bad better worse best worst win lose won lost open closed begin end
    began ended start stop started stopped above below maximum minimum inside outside with without
    allowed forbidden permitted prohibited include exclude includes excludes positive negative
    success failure accept reject accepted rejected public private rich poor strong weak short long
    born died birth death all none every no active inactive same different up down left right common
    rare many few major minor internal external domestic foreign simple complex easy difficult
    possible impossible legal illegal father son mother daughter brother sister husband wife king
    queen he she his her actor director single double summer winter day night morning evening white
    black red blue green yellow American British English French German Italian film album
""")
_OPPOSITE = {
    a: b
    for first, second in zip(_OPPOSITES[::2], _OPPOSITES[1::2], strict=True)
    for a, b in ((first, second), (second, first))
}
_DROPPED = frozenset({"the", "a", "an", "also", "however", "that", "then", "of"})


def names(text: str) -> list[str]:
    """Runs of capitalised words inside sentences."""
    return _INNER_NAME.findall(text)


class Corrupter:
    """Makes claims from sentences, by a random generator of its own."""

    def __init__(self, rng: random.Random, neighbours: Neighbours, far: Sequence[str]) -> None:
        self._rng = rng
        self._neighbours = neighbours
        self._far = far  # names of other texts

    def shorten(self, sentence: str) -> str:
        """A claim that `sentence` still supports."""
        sentence = re.sub(r"\s*\([^)]*\)", "", sentence)
        roll = self._rng.random()
        words = sentence.split()
        if roll < 0.35 and ", " in sentence:
            parts = sentence.split(", ")
            at = self._rng.randrange(1, len(parts))
            halves = [", ".join(parts[:at]), ", ".join(parts[at:])]
            kept, other = halves if self._rng.random() < 0.5 else halves[::-1]
            if len(kept.split()) >= 5:
                return kept
            return f"{other}, {kept}" if len(other.split()) >= 3 else sentence
        if roll < 0.5 and (opening := _OPENING.match(sentence)):
            when, rest, stop = opening.groups()
            return f"{rest[:1].upper()}{rest[1:]} {when[0].lower()}{when[1:]}{stop}"
        if roll < 0.8:
            return " ".join(word for word in words if not self._dropped(word))
        at = (
            self._rng.randrange(max(5, len(words) // 2), len(words) + 1) if len(words) > 6 else None
        )
        return " ".join(words[:at]).rstrip(",;")

    def _dropped(self, word: str) -> bool:
        word = word.lower().strip(",.")
        adverb = word.endswith("ly") or (word in _DROPPED and self._rng.random() < 0.4)
        return adverb or self._rng.random() < 0.04

    def corrupt(self, claim: str, text: str) -> str | None:
        """A claim that `text` does not support, though it supports `claim`."""
        ways = [
            lambda: self.exchange_number(claim, _NUMBER.findall(text)),
            lambda: self.exchange_name(claim, names(text)),
            lambda: self.negate(claim),
            lambda: self.oppose(claim),
            lambda: self.exchange_word(claim),
            lambda: self.exchange_word(claim),
        ]
        self._rng.shuffle(ways)
        made = (way() for way in ways)
        return next((each for each in made if each and each != claim and each not in text), None)

    def exchange_number(self, claim: str, others: Sequence[str]) -> str | None:
        found = list(_NUMBER.finditer(claim))
        if not found:
            spelled = list(_SPELLED.finditer(claim))
            if not spelled:
                return None
            place = self._rng.choice(spelled)
            kind = _COUNTS if place[0] in _COUNTS else _MONTHS
            return _put(claim, place, self._rng.choice([word for word in kind if word != place[0]]))
        place = self._rng.choice(found)
        alike = [n for n in others if n != place[0] and len(n) == len(place[0])]
        if alike and self._rng.random() < 0.6:
            return _put(claim, place, self._rng.choice(alike))
        digits = list(place[0])
        at = self._rng.choice([i for i, digit in enumerate(digits) if digit.isdigit()])
        digits[at] = self._rng.choice([digit for digit in "123456789" if digit != digits[at]])
        return _put(claim, place, "".join(digits))

    def exchange_name(self, claim: str, others: Sequence[str]) -> str | None:
        found = list(_NAME.finditer(claim))
        if not found:
            return None
        place = self._rng.choice(found)
        own = set(place[0].lower().split())
        pool = others if self._rng.random() < 0.7 else self._far
        fitting = [name for name in pool if not own & set(name.lower().split())]
        return _put(claim, place, self._rng.choice(fitting)) if fitting else None

    def negate(self, claim: str) -> str | None:
        """With a negation that was not there, or without the one that was."""
        pieces = _PIECES.findall(claim)
        for i, piece in enumerate(pieces):
            if piece.lower() in ("not", "never"):
                return "".join(pieces[:i] + pieces[i + 2 :])
        for i, piece in enumerate(pieces):
            if piece.lower() in _AUXILIARIES:
                word = " not" if self._rng.random() < 0.8 else " never"
                return "".join([*pieces[: i + 1], word, *pieces[i + 1 :]])
        return None

    def oppose(self, claim: str) -> str | None:
        pieces = _PIECES.findall(claim)
        places = [i for i, piece in enumerate(pieces) if piece in _OPPOSITE]
        if not places:
            return None
        at = self._rng.choice(places)
        return "".join([*pieces[:at], _OPPOSITE[pieces[at]], *pieces[at + 1 :]])

    def exchange_word(self, claim: str) -> str | None:
        """One word or two replaced by others of their kind."""
        pieces = _PIECES.findall(claim)
        places = [
            i
            for i, piece in enumerate(pieces)
            if piece.isalpha() and len(piece) > 3 and self._neighbours(piece.lower())
        ]
        if not places:
            return None
        for i in self._rng.sample(places, min(len(places), self._rng.choice([1, 1, 2]))):
            pieces[i] = self._rng.choice(self._neighbours(pieces[i].lower()))
        return "".join(pieces)


def _put(text: str, place: re.Match[str], word: str) -> str:
    return text[: place.start()] + word + text[place.end() :]


_ASKED = re.compile(
    r"\b(?:what|which|who|whom|whose|where|when|why|how)\b"
    r"(?:\s+(?:many|much|long|old|often|far|type of \w+|kind of \w+|year|percentage of|name))?",
    re.IGNORECASE,
)
_VERB_FIRST = re.compile(
    r"(is|are|was|were|did|does|do|can|could|has|have|had|would|will)\b\s*(.*)"
)


def declare(question: str, answer: str) -> str | None:
    """Question and answer as one claim, roughly; None if it does not ask with a question word."""
    question = question.rstrip(" ?")
    asked = _ASKED.search(question)
    if asked is None:
        return None
    if asked.start():
        return f"{question[: asked.start()]}{answer}{question[asked.end() :]}."
    rest = question[asked.end() :].strip()
    verb = _VERB_FIRST.match(rest)
    if verb is None:
        return f"{answer} {rest}."
    if verb[1] in ("is", "are", "was", "were", "has", "had"):
        return f"{verb[2]} {verb[1]} {answer}."
    return f"{verb[2]} {answer}."
