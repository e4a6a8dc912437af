"""How good a ranking of documents is, against the judgements of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2

Ranked = Sequence[str]
Grades = Mapping[str, int]


def documents(ids: Iterable[str]) -> list[str]:
    """The documents of ranked chunks, each where its first chunk is."""
    return list(dict.fromkeys(ids))


def ndcg(ranked: Ranked, relevant: Grades, depth: int = 10) -> float:
    """Normalised discounted cumulative gain with linear gains, as trec_eval's ndcg_cut."""
    gain = sum(relevant.get(each, 0) / log2(at + 2) for at, each in enumerate(ranked[:depth]))
    best = sorted(relevant.values(), reverse=True)[:depth]
    ideal = sum(grade / log2(at + 2) for at, grade in enumerate(best))
    return gain / ideal if ideal else 0.0


def recall(ranked: Ranked, relevant: Grades, depth: int) -> float:
    """The share of the relevant documents among the first `depth`."""
    wanted = {each for each, grade in relevant.items() if grade > 0}
    return len(wanted.intersection(ranked[:depth])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranked: Ranked, relevant: Grades) -> float:
    return next((1 / at for at, each in enumerate(ranked, 1) if relevant.get(each, 0) > 0), 0.0)


def first(ranked: Ranked, relevant: Grades) -> float:
    """1 where the first document is relevant."""
    return float(bool(ranked) and relevant.get(ranked[0], 0) > 0)


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over questions."""

    ndcg_10: float
    recall_10: float
    recall_100: float
    mrr: float
    first: float
    questions: int

    @classmethod
    def of(cls, run: Mapping[str, Ranked], relevant: Mapping[str, Grades]) -> Quality:
        """Of every judged question; one that the run has nothing for counts 0."""
        pairs = [(run.get(query, ()), grades) for query, grades in relevant.items()]
        count = max(len(pairs), 1)
        return cls(
            sum(ndcg(r, g) for r, g in pairs) / count,
            sum(recall(r, g, 10) for r, g in pairs) / count,
            sum(recall(r, g, 100) for r, g in pairs) / count,
            sum(reciprocal_rank(r, g) for r, g in pairs) / count,
            sum(first(r, g) for r, g in pairs) / count,
            len(pairs),
        )


def trec(run: Mapping[str, Ranked], tag: str) -> str:
    """A run in TREC's form; the score is the reciprocal rank, since parts score differently."""
    return "".join(
        f"{query} Q0 {document} {rank} {1 / rank:.6f} {tag}\n"
        for query, ranked in run.items()
        for rank, document in enumerate(ranked, 1)
    )
