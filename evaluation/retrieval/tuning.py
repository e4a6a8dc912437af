"""Weights and trees for `policies/retrieval.yaml` from judged questions, each held out once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evaluation.bench.running import own_settings
from evaluation.retrieval import beir, training
from evaluation.retrieval.inline import Inline
from evaluation.retrieval.measures import documents, ndcg
from evaluation.retrieval.training import Example
from processors.reordering import rows_of
from processors.rerank import scored
from processors.retrieve import RetrievalConfig
from schemas.events import ChunksRetrieved, DocumentFed
from streams import policies, wiring
from streams.errors import UserError
from streams.settings import Settings, load

Say = Callable[[str], None]
TENANT = "tune"
SEED = 7
FEWEST = 20  # questions a fold is trained on; fewer say nothing
WEIGHTS = [(bm25 / 20, sentence / 4) for bm25 in range(5, 14) for sentence in range(5)]
WORTH = 0.002  # nDCG@10 that other weights must gain, or the present ones stay


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged question with the candidates it got."""

    name: str  # the data set
    event: ChunksRetrieved
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Learned:
    """What one round of training found."""

    bm25_weight: float
    sentence_weight: float
    form: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """nDCG@10 of a data set's questions, each held out; `others`: trained on the other sets."""

    questions: int
    before: float
    after: float
    others: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """The figures, and what is to be written if they are better."""

    scores: Mapping[str, Score]
    learned: Learned
    policy: Mapping[str, Any]

    @property
    def better(self) -> bool:
        return sum(each.after - each.before for each in self.scores.values()) > 0

    def as_json(self) -> dict[str, Any]:
        return {
            "sets": {
                name: {
                    "questions": score.questions,
                    "ndcg_10_before": round(score.before, 4),
                    "ndcg_10_held_out": round(score.after, 4),
                    "ndcg_10_trained_on_the_others": score.others and round(score.others, 4),
                }
                for name, score in self.scores.items()
            },
            "bm25_weight": self.learned.bm25_weight,
            "sentence_weight": self.learned.sentence_weight,
            "trees": len(self.learned.form["trees"]),
        }

    def lines(self) -> list[str]:
        lines: list[str] = []
        for name, score in self.scores.items():
            line = (
                f"{name}: nDCG@10 {score.before:.4f} by the present policy, {score.after:.4f} "
                f"after tuning, on {score.questions:,} questions, each held out"
            )
            if score.others is not None:
                line += f"; {score.others:.4f} trained on the other sets alone"
            lines.append(line)
        return lines


def run(data: Sequence[Path], folder: Path, *, folds: int, say: Say) -> Found:
    """Index, retrieve, train and hold out, in `folder`.

    Raises:
        UserError: a data set is unreadable or too small, or lightgbm is not installed.
    """
    sets = [beir.judged(each) for each in data]
    if len({each.name for each in sets}) < len(sets):
        raise UserError("two of the data folders have the same name")
    settings = load()
    policy = policies.read(wiring.RETRIEVAL, settings.policies)
    config = wiring.retrieval(settings)
    asked = [each for one in sets for each in _asked(one, settings, config, folder, say)]
    before = {id(each): _quality(each, config) for each in asked}
    config = replace(config, trees=None, blend=0.0)  # trees are grown on what comes before them
    after: dict[int, float] = {}
    parts = _parts(asked, folds)
    for number, held in enumerate(parts):
        say(f"fold {number + 1} of {folds}")
        out = {id(each) for each in held}
        kept = [each for each in asked if id(each) not in out]
        if min(_counts(kept).values()) < FEWEST:
            raise UserError(f"too few judged questions: {folds} folds need {2 * FEWEST} or more")
        tuned = _applied(_learn(kept, config), config)
        after |= {id(each): _quality(each, tuned) for each in held}
    others: dict[str, float] = {}
    if len(sets) > 1:
        for one in sets:
            say(f"all but {one.name}")
            tuned = _applied(_learn([e for e in asked if e.name != one.name], config), config)
            others[one.name] = _mean(_quality(e, tuned) for e in asked if e.name == one.name)
    scores = {
        one.name: Score(
            len(one.queries),
            _mean(before[id(e)] for e in asked if e.name == one.name),
            _mean(after[id(e)] for e in asked if e.name == one.name),
            others.get(one.name),
        )
        for one in sets
    }
    say("all questions")
    return Found(scores, _learn(asked, config), policy)


def write(found: Found, output: Path) -> None:
    """The policy and, beside it, the trees it names."""
    data = training.as_bytes(found.learned.form)
    digest = hashlib.sha256(data).hexdigest()
    name = f"retrieval/trees-{digest[:8]}.json"
    (output.parent / "retrieval").mkdir(parents=True, exist_ok=True)
    (output.parent / name).write_bytes(data)
    policy = {
        **found.policy,
        "version": _next(str(found.policy["version"])),
        "bm25_weight": found.learned.bm25_weight,
        "sentence_weight": found.learned.sentence_weight,
        "reordering": {"file": name, "sha256": digest, "blend": 1.0},
    }
    text = yaml.safe_dump(policy, sort_keys=False, allow_unicode=True)
    output.write_text("# Written by `millrace tune retrieval`.\n" + text, encoding="utf-8")


def _next(version: str) -> str:
    name, _, number = version.rpartition("-")
    return f"{name}-{int(number) + 1}" if name and number.isdigit() else f"{version}-2"


def _asked(
    one: beir.Judged, settings: Settings, config: RetrievalConfig, folder: Path, say: Say
) -> list[Asked]:
    """One data set, indexed by itself, and the candidates of its questions."""
    own = own_settings(folder, policies=settings.policies, index=one.name)
    found = wiring.documents(own, [str(one.folder)], TENANT)
    with Inline(own, TENANT) as inline:
        count = inline.index(each for each in found if isinstance(each, DocumentFed))
        say(f"{one.name}: {count:,} documents, {len(one.queries):,} judged questions")
        events = inline.retrieved(one.queries, config)
    return [Asked(one.name, events[query], one.relevant[query]) for query in one.queries]


def _parts(asked: Sequence[Asked], folds: int) -> list[list[Asked]]:
    order = np.random.default_rng(SEED).permutation(len(asked)).tolist()
    return [[asked[i] for i in order[start::folds]] for start in range(folds)]


def _counts(asked: Sequence[Asked]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in asked:
        counts[each.name] = counts.get(each.name, 0) + 1
    return counts or {"": 0}


def _learn(asked: Sequence[Asked], config: RetrievalConfig) -> Learned:
    """Weights first, where others are worth it; then trees on top of what these give."""
    counts = _counts(asked)
    share = {name: len(asked) / len(counts) / count for name, count in counts.items()}

    def total(weights: tuple[float, float]) -> float:
        tried = replace(config, bm25_weight=weights[0], sentence_weight=weights[1])
        values = [share[each.name] * _quality(each, tried) for each in asked]
        return sum(values) / len(values)

    present = (config.bm25_weight, config.sentence_weight)
    chosen = present
    best = max(WEIGHTS, key=total)
    chosen = best if total(best) > total(present) + WORTH else present
    tried = replace(config, bm25_weight=chosen[0], sentence_weight=chosen[1])
    examples = [_example(each, tried, share[each.name]) for each in asked]
    return Learned(*chosen, training.grown(examples))


def _applied(learned: Learned, config: RetrievalConfig) -> RetrievalConfig:
    return replace(
        config,
        bm25_weight=learned.bm25_weight,
        sentence_weight=learned.sentence_weight,
        trees=training.loaded("tuned", learned.form),
        blend=1.0,
    )


def _quality(asked: Asked, config: RetrievalConfig) -> float:
    scores = scored(asked.event, config)
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    found = documents(asked.event.candidates[at].doc_id for at in order)
    return ndcg(found, asked.relevant)


def _example(asked: Asked, config: RetrievalConfig, weight: float) -> Example:
    candidates = asked.event.candidates
    mixed = scored(asked.event, config)
    return Example(
        asked.name,
        rows_of(candidates, mixed),
        np.array([asked.relevant.get(each.doc_id, 0) for each in candidates]),
        weight,
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(len(listed), 1)
