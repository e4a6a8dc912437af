"""Claims made from open text, with what was done to them: what the judge's reader learns from.

A claim is a sentence of the text, shortened. Unsupported ones have a name, number, word or negation
changed, two names exchanged, the end of another sentence, or evidence without their sentence. Where
the change can also be made in the evidence, it is: the changed claim is then supported and the
first is not, so that nothing follows from the claim alone. Questions with answers become claims
too, with another answer of the same passage as the unsupported one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from evaluation.research.judging.changes import Changes
from evaluation.research.judging.labelled import Judged
from evaluation.research.judging.rewording import reworded
from processors.text.sentences import split_sentences

_LONG = re.compile(r"\w{4,}")
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
        self._changes = Changes(self._texts, self._rng)

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
                    fused = self._changes.fused(claim, evidence if len(evidence) > 1 else text)
                    found += [true, Judged(fused, whole, False)] if fused else []
                continue
            changed = self._changes.of[kind](claim, text)
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
                changed = self._changes.fused(claim, evidence if len(evidence) > 1 else text)
            else:
                changed = self._changes.of[kind](claim, text)
            if not changed or changed == claim or changed in whole:
                continue
            if self._rng.random() < 0.15:
                again = self._changes.of[self._rng.choice(["name", "number", "word"])]
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
            said, unsaid = (
                self._changes.shortened(self._rng.choice(there)),
                self._changes.shortened(other),
            )
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
            claims = [self._changes.shortened(text[first]), self._changes.shortened(text[last])]
            counts = [len(each.split()) for each in claims]
            long = sum(len(each.split()) for each in evidence) > EVIDENCE_WORDS
            if long or min(counts) < 4 or sum(counts) > 50:
                continue
            at = self._rng.randrange(2)
            other = self._changes.of[self._rng.choice(list(self._changes.of))](claims[at], text)
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
                changed = self._changes.of[kind](claim, text)
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
        claim = self._changes.shortened(sentence)
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
        negated = self._changes.negated(other, text)
        if negated is None or other == sentence:
            return evidence
        if other in evidence:
            return [negated if each == other else each for each in evidence]
        return self._rng.choice([[negated, *evidence], [*evidence, negated]])


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
