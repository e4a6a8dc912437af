"""Small networks that read a claim word by word against evidence.

Their input is what the frozen encoder says of each word. Every claim word is aligned to evidence
words by attention, compared with them and with their neighbours, and given a logit of being
unsupported; the claim is as good as its worst word. The reader is the mean of four such networks,
which differ in nothing but the seed of their training: it varies less from one training to the next
than one alone. Their weights, 120,000 each, are in `policies/judge-reader.npz`; `learn.py` trains
them on text with changed names, numbers, words and negations.

`logits` is written for an array module, so that numpy runs what JAX trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.judging.words import Ints, Words
from processors.ports import Float32
from schemas.errors import UserError

SHIPPED = Path(__file__).parents[2] / "policies" / "judge-reader.npz"
CLAIM_WORDS, EVIDENCE_WORDS = 40, 96  # that are read; of longer evidence, the sentences most alike
AT_ONCE = 64  # pairs
DIMENSIONS, WIDTH, HEADS, KEY = 384, 64, 4, 16
FUNCTION_WEIGHT = 0.15  # of a function word, when sentences are chosen
SHORTEST = 8  # words that are worth a further sentence
FAR = 1e4

_NEGATING = """
    not no never none nobody nothing neither nor without cannot lack lacks lacked lacking fail
    fails failed refuse refuses refused unable incapable zero hardly rarely only"""
_NEGATIONS = frozenset(_NEGATING.split())


@dataclass(frozen=True, slots=True)
class Pair:
    """What is read of a claim and its evidence. `same` is whether two words have one stem."""

    claim: Float32  # (claim words, DIMENSIONS)
    claim_kinds: Float32  # (claim words, 4): content, number, capital, negation
    evidence: Float32
    evidence_kinds: Float32
    same: NDArray[np.bool_]  # (claim words, evidence words)
    share: float  # of the evidence's words, how many are read


def pair(claim: Words, evidence: Words) -> Pair | None:
    """None if either has no words."""
    if not claim.lower or not evidence.lower:
        return None
    first = min(len(claim.lower), CLAIM_WORDS)
    chosen = _choose(claim, evidence, first)
    here = np.array(claim.stems[:first], object)
    there = np.array(evidence.stems, object)[chosen]
    return Pair(
        claim.vectors[:first],
        _kinds(claim)[:first],
        evidence.vectors[chosen],
        _kinds(evidence)[chosen],
        here[:, None] == there,
        min(1.0, EVIDENCE_WORDS / len(evidence.lower)),
    )


def _choose(claim: Words, evidence: Words, first: int) -> Ints:
    """The evidence's words that are read: whole sentences, in order, while there is room."""
    if len(evidence.lower) <= EVIDENCE_WORDS:
        return np.arange(len(evidence.lower))
    weights = claim.content[:first] + FUNCTION_WEIGHT
    similar = claim.vectors[:first] @ evidence.vectors.T
    sentences = [np.flatnonzero(evidence.sentence == n) for n in np.unique(evidence.sentence)]
    matches = np.array([similar[:, words].max(1) @ weights for words in sentences])
    taken: list[int] = []
    left = EVIDENCE_WORDS
    order: list[int] = np.argsort(-matches).tolist()
    for number in order:
        if not taken or len(sentences[number]) <= left:
            taken.append(number)
            left -= len(sentences[number])
        if left < SHORTEST:
            break
    return np.concatenate([sentences[n] for n in sorted(taken)])[:EVIDENCE_WORDS]


def _kinds(text: Words) -> Float32:
    rows = [
        (content, word[0].isdigit(), written[0].isupper(), _negates(word))
        for content, word, written in zip(
            text.content.tolist(), text.lower, text.written, strict=True
        )
    ]
    return np.array(rows, np.float32)


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't")


def batch(pairs: Sequence[Pair], claim_words: int, evidence_words: int) -> dict[str, Float32]:
    """Pairs of at most so many words as padded arrays, with masks of what is a word."""
    rows = len(pairs)
    shapes = {
        "claim": (claim_words, DIMENSIONS),
        "claim_kinds": (claim_words, 4),
        "evidence": (evidence_words, DIMENSIONS),
        "evidence_kinds": (evidence_words, 4),
        "same": (claim_words, evidence_words),
        "claim_mask": (claim_words,),
        "evidence_mask": (evidence_words,),
    }
    arrays = {name: np.zeros((rows, *shape), np.float32) for name, shape in shapes.items()}
    for row, each in enumerate(pairs):
        n, m = each.same.shape
        arrays["claim"][row, :n] = each.claim
        arrays["claim_kinds"][row, :n] = each.claim_kinds
        arrays["evidence"][row, :m] = each.evidence
        arrays["evidence_kinds"][row, :m] = each.evidence_kinds
        arrays["same"][row, :n, :m] = each.same
        arrays["claim_mask"][row, :n] = 1
        arrays["evidence_mask"][row, :m] = 1
    return arrays


def logits(xp: Any, weights: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """One network's, of each pair of a `batch`, (pairs,): above 0 where the claim is supported."""
    w, claim_mask, evidence_mask = weights, data["claim_mask"], data["evidence_mask"]
    rows, n, m = data["same"].shape
    similar, same = data["claim"] @ data["evidence"].swapaxes(1, 2), data["same"]
    claim = data["claim"] @ w["words"] + data["claim_kinds"] @ w["kinds"]
    evidence = data["evidence"] @ w["words"] + data["evidence_kinds"] @ w["kinds"]
    claim, evidence = claim * claim_mask[..., None], evidence * evidence_mask[..., None]

    relations = [similar, same, _neighbours(xp, similar), _neighbours(xp, same)]
    query = (claim @ w["query"]).reshape(rows, n, HEADS, KEY).transpose(0, 2, 1, 3)
    key = (evidence @ w["key"]).reshape(rows, m, HEADS, KEY).transpose(0, 2, 3, 1)
    attention = query @ key / KEY**0.5
    for number, relation in enumerate(relations):
        attention = attention + relation[:, None] * w["relations"][number][:, None, None]
    attention = _softmax(xp, attention + (evidence_mask[:, None, None] - 1) * FAR)

    aligned = (attention @ evidence[:, None]).transpose(0, 2, 1, 3)  # (rows, n, HEADS, WIDTH)
    some = attention[:, :2].mean(1)
    own = claim[:, :, None]
    features = xp.concatenate(
        [
            (own * aligned).reshape(rows, n, -1),
            abs(own - aligned).reshape(rows, n, -1),
            claim,
            some @ _shifted(xp, evidence, 1),
            some @ _shifted(xp, evidence, -1),
            data["claim_kinds"],
            xp.where(evidence_mask[:, None] > 0, similar, -1).max(-1, keepdims=True),
            same.max(-1, keepdims=True),
            *((attention * each[:, None]).sum(-1).swapaxes(1, 2) for each in relations),
        ],
        -1,
    )
    word = _relu(xp, features @ w["compare"] + w["compare_bias"]) * claim_mask[..., None]
    around = xp.concatenate([_shifted(xp, word, 1), word, _shifted(xp, word, -1)], -1)
    word = _relu(xp, around @ w["around"] + w["around_bias"]) * claim_mask[..., None]

    wrong = xp.where(claim_mask > 0, 2 * (word @ w["wrong"] + w["wrong_bias"]), -FAR)
    top = wrong.max(1, keepdims=True)
    worst = (top[:, 0] + xp.log(xp.exp(wrong - top).sum(1))) / 2  # a smooth maximum
    mean = word.sum(1) / claim_mask.sum(1, keepdims=True)
    most = xp.where(claim_mask[..., None] > 0, word, -FAR).max(1)
    return mean @ w["mean"] + most @ w["most"] + w["bias"] - worst


def _neighbours(xp: Any, relation: Any) -> Any:
    """Of each two words, the mean relation of those before them and those after them."""
    wide = xp.pad(relation, ((0, 0), (1, 1), (1, 1)))
    return (wide[:, 2:, 2:] + wide[:, :-2, :-2]) / 2


def _shifted(xp: Any, words: Any, by: int) -> Any:
    """At each place the word before it (1) or after it (-1)."""
    wide = xp.pad(words, ((0, 0), (1, 1), (0, 0)))
    return wide[:, :-2] if by == 1 else wide[:, 2:]


def _softmax(xp: Any, x: Any) -> Any:
    e = xp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


class Reader:
    """The mean of several networks' logits."""

    def __init__(self, networks: Sequence[Mapping[str, Float32]]) -> None:
        self._networks = networks

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Reader:
        """The first axis of every array in the file is the network.

        Raises `UserError` if the file is missing or no archive of such arrays.
        """
        try:
            with np.load(path, allow_pickle=False) as found:
                arrays = {name: found[name].astype(np.float32) for name in found.files}
            counts = {len(np.atleast_1d(array)) for array in arrays.values()}
            if len(counts) != 1:
                raise ValueError("its arrays are not of one number of networks")
        except (OSError, ValueError) as error:
            raise UserError(f"the judge's reader {path} cannot be read: {error}") from error
        return cls([{name: each[n] for name, each in arrays.items()} for n in range(counts.pop())])

    def read(self, texts: Sequence[tuple[Words, Words]]) -> Float32:
        """Of each claim and evidence, -1 to 1, the higher the better supported; 0 without words.

        The networks learned from short evidence and read no more than `EVIDENCE_WORDS`: what they
        say is multiplied by the square of the share that they read, since what was not read may
        support the claim.
        """
        pairs = [pair(*each) for each in texts]
        found = np.zeros(len(pairs), np.float32)
        known = [(i, each) for i, each in enumerate(pairs) if each is not None]
        known.sort(key=lambda item: item[1].same.size)  # like sizes together: little is padding
        for at in range(0, len(known), AT_ONCE):
            some = [each for _, each in known[at : at + AT_ONCE]]
            claims, evidence = (max(each.same.shape[axis] for each in some) for axis in (0, 1))
            data = batch(some, claims, evidence)
            values = np.mean([logits(np, weights, data) for weights in self._networks], 0)
            shares = np.array([each.share for each in some])
            found[[i for i, _ in known[at : at + AT_ONCE]]] = np.tanh(values / 4) * shares**2
        return found
