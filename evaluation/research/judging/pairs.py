"""Claims made from open text, with what was done to them: what the judge's reader learns from.

A claim is a sentence of the text, shortened. Unsupported ones have a name, number, word or negation
changed, two names exchanged, the end of another sentence, or evidence without their sentence. Where
the change can also be made in the evidence, it is: the changed claim is then supported and the
first is not, so that nothing follows from the claim alone. Questions with answers become claims
too, with another answer of the same passage as the unsupported one.
"""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Iterable, Sequence

from evaluation.research.judging.labelled import Judged
from evaluation.research.judging.rewording import reworded
from processors.text.sentences import split_sentences

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
_LONG = re.compile(r"\w{4,}")
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

EVIDENCE_WORDS = 170  # of some sentences together, at most
# The share of claims that stand beside another sentence with a negation: of any, and of those
# whose own negation changes.
BESIDE, BESIDE_NEGATED = 0.15, 0.6
# Which changes are made in what people wrote: it has few names, and is short enough as it is.
_WRITTEN = ("name", "number", "number", "negation", "negation", "opposite", "opposite", "word")


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
            text, kind = self._rng.choice(self._texts), self._rng.choice(kinds)
            beside = BESIDE_NEGATED if kind == "negation" else BESIDE
            drawn = self._drawn(text, [1, 1, 1, 2, 3, 5], beside)
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
            changed = self._changes[kind](claim, text)
            if not changed or changed in whole or changed == claim:
                continue
            found += [true, Judged(changed, whole, False)]
            twin = edited(sentence, claim, changed)
            if twin and twin != sentence:
                other = " ".join(twin if each == sentence else each for each in evidence)
                if claim not in other:
                    found += [Judged(changed, other, True), Judged(claim, other, False)]
        return found

    def singles(self, count: int) -> list[Judged]:
        """`count` pairs, three in five supported, on up to twenty sentences of evidence."""
        found: list[Judged] = []
        kinds = ["name"] * 2 + ["number"] * 2 + ["negation", "opposite"] + ["word"] * 2
        kinds += ["exchange"] + ["fused"] * 2 + ["gone"] * 2
        while len(found) < count:
            text = self._rng.choice(self._texts)
            drawn = self._drawn(text, [1, 1, 2, 3, 5, 8, 20], BESIDE)
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

    def unmentioned(self, count: int) -> list[Judged]:
        """At least `count`: a sentence of some evidence, and one that this evidence has not.

        The evidence is some sentences of a text, in order; what it has not is another of the text
        or of any text, alone or beside one that it has.
        """
        found: list[Judged] = []
        while len(found) < count:
            text = self._rng.choice(self._texts)
            size = min(self._rng.choice([1, 2, 3, 4, 6]), len(text) - 1)
            evidence = [text[i] for i in sorted(self._rng.sample(range(len(text)), size))]
            if sum(len(each.split()) for each in evidence) > EVIDENCE_WORDS:
                evidence = evidence[:2]
            there = [each for each in evidence if _usable(each)]
            rest = [each for each in text if _usable(each) and each not in evidence]
            if not there or not rest:
                continue
            draw = self._rng.random()
            other = self._rng.choice(rest if draw < 0.75 else self._rng.choice(self._texts))
            said, unsaid = self._shortened(self._rng.choice(there)), self._shortened(other)
            if other in evidence or min(len(said.split()), len(unsaid.split())) < 4:
                continue
            if draw < 0.25:
                first, second = self._rng.sample([said, unsaid], 2)
                unsaid = self._rng.choice(_JOINED)(first, second)
            whole = " ".join(evidence)
            found += [Judged(said, whole, True), Judged(unsaid, whole, False)]
        return found

    def joined(self, count: int) -> list[Judged]:
        """At least `count` twins whose claim is two sentences of their evidence."""
        found: list[Judged] = []
        while len(found) < count:
            text = [each for each in self._rng.choice(self._texts) if _usable(each)]
            first, last = sorted(self._rng.sample(range(len(text)), 2))
            evidence = text[max(0, first - 1) : last + 2]
            claims = [self._shortened(text[first]), self._shortened(text[last])]
            counts = [len(each.split()) for each in claims]
            long = sum(len(each.split()) for each in evidence) > EVIDENCE_WORDS
            if long or min(counts) < 4 or sum(counts) > 50:
                continue
            at = self._rng.randrange(2)
            other = self._changes[self._rng.choice(list(self._changes))](claims[at], text)
            if not other or other == claims[at]:
                continue
            changed = [other if number == at else each for number, each in enumerate(claims)]
            join = self._rng.choice(_JOINED)
            whole = " ".join(evidence)
            found += [Judged(join(*claims), whole, True), Judged(join(*changed), whole, False)]
        return found

    def written(self, rows: Sequence[tuple[str, Sequence[str]]]) -> list[Judged]:
        """From what people wrote about a text, (claim, the text's sentences): twins, and claims on
        other texts. Evidence is the sentences that share most words with the claim."""
        found: list[Judged] = []
        for at, (said, text) in enumerate(rows):
            if not 5 <= len(said.split()) <= 45:
                continue
            claim = reworded(said, self._rng)
            found.append(Judged(claim, _nearest(claim, text, 6), True))
            for _ in range(2):
                evidence = _nearest(claim, text, self._rng.choice([3, 5, 8]))
                kind = self._rng.choice(_WRITTEN)
                changed = self._changes[kind](claim, text)
                if changed and changed != claim:
                    found += [Judged(claim, evidence, True), Judged(changed, evidence, False)]
            near = rows[max(0, at - 6) : at + 6]  # often of the same subject
            for other in (self._rng.choice(near), self._rng.choice(rows)):
                if other[1] is not text:
                    unsaid = reworded(other[0], self._rng)
                    found.append(Judged(unsaid, _nearest(unsaid, text, 5), False))
        return found

    def _drawn(
        self, text: list[str], sizes: list[int], beside: float
    ) -> tuple[str, str, list[str]] | None:
        """A sentence, what of it is claimed, and its evidence: some sentences around it, of which
        with a chance of `beside` another is negated, which says nothing of the claim."""
        sentence = self._rng.choice([each for each in text if _usable(each)])
        claim = self._shortened(sentence)
        if len(claim.split()) < 4:
            return None
        size = self._rng.choice(sizes)
        first = max(0, text.index(sentence) - self._rng.randrange(size))
        evidence = text[first : first + size]
        evidence = evidence if sentence in evidence else [sentence]
        if self._rng.random() < beside:
            evidence = self._beside_negation(sentence, evidence, text)
        return sentence, claim, evidence

    def _beside_negation(
        self, sentence: str, evidence: list[str], text: Sequence[str]
    ) -> list[str]:
        other = self._rng.choice([each for each in evidence if each != sentence] or text)
        negated = self._negated(other, text)
        if negated is None or other == sentence:
            return evidence
        if other in evidence:
            return [negated if each == other else each for each in evidence]
        return self._rng.choice([[negated, *evidence], [*evidence, negated]])

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
        return reworded(claim.strip(" ,;"), self._rng)

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


def _two_sentences(first: str, second: str) -> str:
    return f"{first.rstrip('.')}. {second}"


def _one_sentence(first: str, second: str) -> str:
    return f"{first.rstrip('.')} and {second[:1].lower()}{second[1:]}"


_JOINED = (_two_sentences, _one_sentence)


def _nearest(claim: str, text: Sequence[str], count: int) -> str:
    """The sentences that share most long words with the claim, in order."""
    words = set(_LONG.findall(claim.lower()))
    order = sorted(
        range(len(text)), key=lambda i: -len(words & set(_LONG.findall(text[i].lower())))
    )
    return " ".join(text[i] for i in sorted(order[:count]))


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
