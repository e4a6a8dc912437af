"""What words and their vectors say of how well evidence supports a claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.judging.words import Ints, Words, unit
from processors.ports import Float32

FUNCTION_WEIGHT = 0.15  # of a function word, where a content word has 1
WEAK = 0.6  # a word whose best match is less similar has none
PASSAGE_WORDS = 70  # of what the cross-encoder reads beside a claim

# Of the whole evidence (`all.`) and of its best sentence alone (`best.`).
_PER_SCOPE = (
    "words", "bigrams", "trigrams", "match", "content", "lowest", "lowest3", "quartile", "weak",
    "shortfall", "pairs", "pairs_low", "triples", "near", "covered", "number", "negation",
)  # fmt: skip
_OVERALL = ("run", "cosine", "cosine_all", "gap", "claim_words", "evidence_words", "personal")
NAMES = (*(f"{s}.{n}" for s in ("all", "best") for n in _PER_SCOPE), *_OVERALL)
_PERSONAL = frozenset({"i", "you", "my", "me", "i'm", "your", "do", "we"})


@dataclass(frozen=True, slots=True)
class Read:
    """A claim against its evidence: `signals` by `NAMES`, and what a cross-encoder should read."""

    signals: Float32  # (NAMES,)
    passages: tuple[str, ...]  # around the best sentence; the sentences that match most words


def read(claim: Words, evidence: Words) -> Read:
    """All signals of one claim, and the passages of its evidence. Without words, all are 0."""
    if not claim.lower or not evidence.lower:
        return Read(np.zeros(len(NAMES), np.float32), (evidence.sentences.text,))
    similar = claim.vectors @ evidence.vectors.T
    weights = np.where(claim.content, 1.0, FUNCTION_WEIGHT)
    members = [np.flatnonzero(evidence.sentence == n) for n in np.unique(evidence.sentence)]
    best_of = np.array([similar[:, m].max(1) for m in members])  # (sentences, claim words)
    matches = best_of @ weights / weights.sum()
    centre = unit(claim.vectors.mean(0))
    cosines = np.array([unit(evidence.vectors[m].mean(0)) @ centre for m in members])
    best = int(np.argmax(matches + 0.5 * cosines))
    everything = np.arange(len(evidence.lower))
    overall = (
        _longest_run(claim.stems, evidence.stems) / len(claim.stems),
        cosines.max(),
        unit(evidence.vectors.mean(0)) @ centre,
        matches.max() - matches.mean(),
        np.log(len(claim.lower)),
        np.log(len(evidence.lower)),
        float(not _PERSONAL.isdisjoint(claim.lower)),
    )
    values = (
        *_scope(claim, evidence, everything, similar, weights),
        *_scope(claim, evidence, members[best], similar, weights),
        *overall,
    )
    passages = (_around(evidence, members, best), _covering(evidence, members, best_of, weights))
    return Read(np.array(values, np.float32), passages)


def _scope(
    claim: Words, evidence: Words, scope: Ints, similar: Float32, weights: Float32
) -> tuple[float, ...]:
    """`_PER_SCOPE` against the evidence's words numbered in `scope`."""
    near = similar[:, scope]
    best = near.max(1)
    content = np.sort(best[claim.content])
    stems = [evidence.stems[i] for i in scope]
    there = set(stems)
    covered = np.array([stem in there for stem in claim.stems], float)
    lower = {evidence.lower[i] for i in scope}
    missing = [
        w not in lower for w, number in zip(claim.lower, claim.numbers, strict=True) if number
    ]
    steps = np.abs(np.diff(near.argmax(1)))
    pairs = _diagonal(near, 2)
    return (
        float(covered @ weights / weights.sum()),
        _shared(claim.stems, stems, 2),
        _shared(claim.stems, stems, 3),
        float(best.mean()),
        float(best @ weights / weights.sum()),
        float(content[0]),
        float(content[:3].mean()),
        float(np.quantile(content, 0.25)),
        -float((content < WEAK).mean()),
        -float(np.maximum(0.7 - content, 0).sum()),
        float(pairs.mean()),
        float(np.quantile(pairs, 0.1)),
        float(_diagonal(near, 3).mean()),
        float((steps <= 2).mean()) if len(steps) else 1.0,
        float(near[claim.content].max(0).mean()),
        -float(any(missing)),
        -float(bool(claim.negated.any()) != bool(evidence.negated[scope].any())),
    )


def _shared(claim: list[str], evidence: list[str], size: int) -> float:
    """The share of the claim's runs of `size` words that the evidence has."""
    runs = {tuple(claim[i : i + size]) for i in range(max(len(claim) - size + 1, 1))}
    there = {tuple(evidence[i : i + size]) for i in range(len(evidence))}
    return len(runs & there) / len(runs)


def _diagonal(similar: Float32, size: int) -> Float32:
    """Of each run of `size` claim words, the best mean similarity to a run of the evidence."""
    size = min(size, *similar.shape)
    rows, columns = (length - size + 1 for length in similar.shape)
    return (sum(similar[i : i + rows, i : i + columns] for i in range(size)) / size).max(1)  # pyright: ignore


def _longest_run(claim: list[str], evidence: list[str]) -> int:
    """The most words in a row that both have."""
    best, row = 0, [0] * (len(evidence) + 1)
    for word in claim:
        row = [0, *(row[i] + 1 if word == other else 0 for i, other in enumerate(evidence))]
        best = max(best, *row)
    return best


def _around(evidence: Words, members: list[Ints], best: int) -> str:
    """The best sentence and those beside it, as far as they fit."""
    first = last = best
    while True:
        wider = [(first - 1, last), (first, last + 1)]
        for start, end in wider:
            inside = start >= 0 and end < len(members)
            if inside and members[end][-1] - members[start][0] < PASSAGE_WORDS and end - start < 3:
                first, last = start, end
                break
        else:
            return _text(evidence, members, range(first, last + 1))


def _covering(evidence: Words, members: list[Ints], best_of: Float32, weights: Float32) -> str:
    """The sentences that together match the claim's words best, in their order."""
    chosen: list[int] = []
    so_far, words = np.zeros(best_of.shape[1], np.float32), 0
    while len(chosen) < min(4, len(members)):
        gains = np.maximum(best_of - so_far, 0) @ weights
        gains[chosen] = -1
        n = int(np.argmax(gains))
        words += len(members[n])
        if chosen and (words > PASSAGE_WORDS or gains[n] < 0.02 * weights.sum()):
            break
        chosen.append(n)
        so_far = np.maximum(so_far, best_of[n])
    return _text(evidence, members, sorted(chosen))


def _text(evidence: Words, members: list[Ints], numbers: range | list[int]) -> str:
    spans = evidence.sentences.spans
    places = [spans[evidence.sentence[members[n][0]]] for n in numbers]
    return " ".join(evidence.sentences.text[start:end] for start, end in places)
