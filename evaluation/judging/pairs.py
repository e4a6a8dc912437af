"""Claims made from open text, with what was done to them: what the judge's reader learns from.

A claim is a sentence of the text, shortened. Unsupported ones have a name, number, word or negation
changed, two names exchanged, the end of another sentence, or evidence without their sentence. Where
the change can also be made in the evidence, it is: the changed claim is then supported and the
first is not, so that nothing follows from the claim alone. Questions with answers become claims
too, with another answer of the same passage as the unsupported one.
"""

from __future__ import annotations

import calendar
import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.judging.labelled import Judged
from processors.sentences import split_sentences

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
_BRACKETS = re.compile(r" ?\([^)]*\)| -LRB-.*?-RRB-")


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
_SYNONYMS = (
    ("also ", ""),
    ("however ", ""),
    (" is able to ", " can "),
    (" such as ", " like "),
    (" because of ", " due to "),
    (" and ", " as well as "),
    ("several ", "a number of "),
    ("numerous ", "many "),
    (" however", ""),
    ("utilize", "use"),
    ("approximately", "about"),
    (" began ", " started "),
    ("commonly", "often"),
    (" within ", " in "),
    ("was founded", "was established"),
    ("located", "situated"),
    ("large", "big"),
    ("obtain", "get"),
    ("purchase", "buy"),
)


class Changer:
    """Makes pairs from `texts`, the same ones for the same `seed`."""

    def __init__(self, texts: Iterable[str], seed: str) -> None:
        self._rng = random.Random(seed)
        cut = (
            [text[start:end].strip() for start, end in split_sentences(text, markdown=False)]
            for text in texts
        )
        self._texts = [each for each in cut if sum(map(_usable, each)) >= 3]
        self._names = [name for text in self._texts for each in text for name in _names(each)]
        self._words = [w for text in self._texts for each in text for w in _LONG_WORD.findall(each)]
        self._changes = {
            "name": self._other_name,
            "number": self._other_number,
            "negation": self._negated,
            "opposite": self._opposite,
            "word": self._other_word,
            "exchange": self._exchanged,
        }

    def twins(self, count: int) -> list[Judged]:
        """At least `count` pairs, mostly in fours: claim and changed claim, on both evidences."""
        found: list[Judged] = []
        kinds = ["name"] * 3 + ["number"] * 2 + ["negation"] * 2 + ["opposite"] * 2
        kinds += ["word"] * 2 + ["exchange"]
        while len(found) < count:
            text = self._rng.choice(self._texts)
            drawn = self._drawn(text, [1, 1, 1, 2, 3, 5])
            if drawn is None:
                continue
            sentence, claim, evidence = drawn
            whole = " ".join(evidence)
            true = Judged(claim, whole, True)
            if self._rng.random() < 0.25:
                if self._rng.choice(["fused", "gone"]) == "gone":
                    rest = _without(text, sentence, max(len(evidence), 2))
                    found += [true, Judged(claim, rest, False)] if rest else []
                else:
                    fused = self._fused(claim, evidence if len(evidence) > 1 else text)
                    found += [true, Judged(fused, whole, False)] if fused else []
                continue
            changed = self._changes[self._rng.choice(kinds)](claim, text)
            if not changed or changed == claim:
                continue
            found += [true, Judged(changed, whole, False)]
            twin = edited(sentence, claim, changed)
            if twin and twin != sentence:
                other = " ".join(twin if each == sentence else each for each in evidence)
                found += [Judged(changed, other, True), Judged(claim, other, False)]
        return found

    def singles(self, count: int) -> list[Judged]:
        """`count` pairs, half of them supported, on up to twenty sentences of evidence."""
        found: list[Judged] = []
        kinds = ["name"] * 2 + ["number"] * 2 + ["negation", "opposite"] + ["word"] * 2
        kinds += ["exchange"] + ["fused"] * 2 + ["gone"] * 2
        while len(found) < count:
            text = self._rng.choice(self._texts)
            drawn = self._drawn(text, [1, 1, 2, 3, 5, 8, 20])
            if drawn is None:
                continue
            sentence, claim, evidence = drawn
            whole = " ".join(evidence)
            if self._rng.random() < 0.5:
                found.append(Judged(claim, whole, True))
                continue
            kind = self._rng.choice(kinds)
            if kind == "gone":
                rest = _without(text, sentence, max(len(evidence), 2))
                found += [Judged(claim, rest, False)] if rest else []
                continue
            if kind == "fused":
                changed = self._fused(claim, evidence if len(evidence) > 1 else text)
            else:
                changed = self._changes[kind](claim, text)
            if not changed or changed == claim or changed in whole:
                continue
            if self._rng.random() < 0.15:
                again = self._changes[self._rng.choice(["name", "number", "word"])]
                changed = again(changed, text) or changed
            found.append(Judged(changed, whole, False))
        return found

    def _drawn(self, text: list[str], sizes: list[int]) -> tuple[str, str, list[str]] | None:
        """A sentence, what of it is claimed, and its evidence: some sentences around it."""
        sentence = self._rng.choice([each for each in text if _usable(each)])
        claim = self._shortened(sentence)
        if len(claim.split()) < 4:
            return None
        size = self._rng.choice(sizes)
        first = max(0, text.index(sentence) - self._rng.randrange(size))
        evidence = text[first : first + size]
        return sentence, claim, evidence if sentence in evidence else [sentence]

    def _shortened(self, sentence: str) -> str:
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
        if draw() < 0.3:
            for old, new in _SYNONYMS:
                if old in claim and draw() < 0.6:
                    claim = claim.replace(old, new, 1)
        return claim.strip(" ,;")

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

    def _negated(self, claim: str, _text: Sequence[str]) -> str | None:
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

    def _fused(self, claim: str, text: Sequence[str]) -> str | None:
        """Its beginning with the end of another sentence."""
        other = self._rng.choice(text)
        if other == claim or len(other.split()) < 8:
            return None
        ends, begins = _joints(claim), _joints(other)
        if not ends or not begins:
            return None
        return claim[: self._rng.choice(ends)] + other[self._rng.choice(begins) :]


def _usable(sentence: str) -> bool:
    return 6 <= len(sentence.split()) <= 40


def _names(sentence: str) -> list[str]:
    """A single capitalised word at the beginning is none."""
    found = _NAME.finditer(sentence)
    return [each[0] for each in found if each.start() > 0 or " " in each[0]]


def _joints(sentence: str) -> list[int]:
    places = [each.start() for each in _JOINT.finditer(sentence)]
    return [place for place in places if 10 < place < len(sentence) - 10]


def _without(text: Sequence[str], sentence: str, size: int) -> str:
    at = text.index(sentence)
    near = text[max(0, at - 6) : at + 7]
    return " ".join([each for each in near if each != sentence][:size])


def edited(sentence: str, claim: str, changed: str) -> str | None:
    """The sentence with the claim's change made in it too, if the place is found."""
    before, after = claim.split(" "), changed.split(" ")
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    for left, right in ((1, 1), (1, 0), (0, 1), (0, 0)):  # words of context
        first, last = max(head - left, 0), max(tail - right, 0)
        old = " ".join(before[first : len(before) - last])
        if head == len(before) - tail and not (left or right):
            return None  # an insertion without context has no place
        if len(old) > 1 and old in sentence and (left or right or len(old) > 3):
            return sentence.replace(old, " ".join(after[first : len(after) - last]), 1)
    return None


def texts(folder: Path) -> dict[str, list[str]]:
    """By open set, the passages that pairs are made from."""

    def unique(found: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(found))

    clapnq = [
        passage["text"]
        for part in ("answerable", "unanswerable")
        for row in _rows(folder / f"clapnq/dev_{part}.jsonl.gz")
        for passage in row["passages"]
    ]
    return {
        "xquad": unique(r["context"] for r in _rows(folder / "xquad_en/questions.jsonl.gz")),
        "clapnq": unique(clapnq),
        "pubmedqa": [
            " ".join(r["contexts"]) for r in _rows(folder / "pubmedqa/questions.jsonl.gz")
        ],
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def answered(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """By passage of XQuAD, its questions with their answers."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in _rows(folder / "xquad_en/questions.jsonl.gz"):
        found.setdefault(row["context"], []).append((row["question"], row["answers"][0]["text"]))
    return found
