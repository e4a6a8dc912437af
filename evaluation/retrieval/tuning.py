"""Weights and trees for `policies/retrieval.yaml` from judged questions, each held out once."""

from __future__ import annotations

import hashlib
import json
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
from evaluation.retrieval.training import Example, Form
from processors.questions.reordering import ground_of, rows_of
from processors.questions.rerank import scored
from processors.questions.retrieve import RetrievalConfig
from schemas.events import ChunksRetrieved, DocumentFed
from streams.app import config as app_config
from streams.app import opening, policies
from streams.app.settings import Settings, load
from streams.flow.errors import UserError

Say = Callable[[str], None]
TENANT = "tune"
SEED = 7
LEARNED_FROM = ("train", "dev", "test")  # judgements of BEIR's qrels/, best first
FEWEST = 20  # questions a fold is trained on; fewer say nothing
WEIGHTS = [
    (bm25, sentence) for bm25 in (0.3, 0.4, 0.45, 0.5, 0.6) for sentence in (0.25, 0.5, 0.75)
]
ENOUGH = 400  # questions of a set that weights are chosen on
WORTH = 0.005  # nDCG@10 that other weights must gain, or the present ones stay


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged question with the candidates it got."""

    name: str  # the data set
    event: ChunksRetrieved
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Learned:
    """What one round of training found: weights, and an expert for each data set."""

    bm25_weight: float
    sentence_weight: float
    experts: Sequence[Form]


@dataclass(frozen=True, slots=True)
class Score:
    """nDCG@10 of a data set: by the present policy; held out; by experts of the other sets."""

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
    present: Sequence[Form]  # the experts of the policy, which stay

    @property
    def better(self) -> bool:
        """Whether anything is to be written: an expert that helped questions held out."""
        return bool(self.learned.experts)

    @property
    def form(self) -> Form:
        """The new experts first, then those that no new one replaces."""
        names = {each["name"] for each in self.learned.experts}
        kept = [each for each in self.present if each["name"] not in names]
        return training.form_of([*self.learned.experts, *kept])

    def as_json(self) -> dict[str, Any]:
        return {
            "sets": {
                name: {
                    "questions": score.questions,
                    "ndcg_10_before": round(score.before, 4),
                    "ndcg_10_held_out": round(score.after, 4),
                    "ndcg_10_by_the_other_sets": score.others and round(score.others, 4),
                }
                for name, score in self.scores.items()
            },
            "bm25_weight": self.learned.bm25_weight,
            "sentence_weight": self.learned.sentence_weight,
            "experts": [each["name"] for each in self.learned.experts],
        }

    def lines(self) -> list[str]:
        lines: list[str] = []
        for name, score in self.scores.items():
            line = (
                f"{name}: nDCG@10 {score.before:.4f} by the present policy, {score.after:.4f} "
                f"after tuning, on {score.questions:,} questions, each held out"
            )
            if score.others is not None:
                line += f"; {score.others:.4f} tuned on the other sets alone"
            lines.append(line)
        return lines


def run(
    data: Sequence[Path], folder: Path, *, folds: int, say: Say, split: str | None = None
) -> Found:
    """Index, retrieve, train and hold out, in `folder`.

    Raises:
        UserError: a data set is unreadable or too small, or lightgbm is not installed.
    """
    sets = [beir.judged(each, split, LEARNED_FROM) for each in data]
    for line in (line for one in sets for line in one.said()):
        say(line)
    if len({each.name for each in sets}) < len(sets):
        raise UserError("two of the data folders have the same name")
    settings = load()
    policy = policies.read(app_config.RETRIEVAL, settings.policies)
    present = app_config.retrieval(settings)
    plain = replace(present, reordering=None, blend=0.0)
    asked = [each for one in sets for each in _asked(one, settings, plain, folder, say)]
    before = {id(each): _quality(each, present) for each in asked}
    fixed = present.reordering is not None  # its experts have learned from what the weights give
    after: dict[int, float] = {}
    for number, held in enumerate(_parts(asked, folds)):
        say(f"fold {number + 1} of {folds}")
        out = {id(each) for each in held}
        kept = [each for each in asked if id(each) not in out]
        if min(_counts(kept, sets).values()) < FEWEST:
            raise UserError(
                f"too few judged questions: each of {folds} folds must leave {FEWEST} of a set"
            )
        tuned = _applied(_learn(kept, plain, fixed=fixed), plain)
        after |= {id(each): _quality(each, tuned) for each in held}
    learned = _learn(asked, plain, fixed=fixed)
    scores: dict[str, Score] = {}
    for one in sets:
        own = [each for each in asked if each.name == one.name]
        others: float | None = None
        if len(sets) > 1:
            rest = [each for each in learned.experts if each["name"] != one.name]
            tuned = _applied(replace(learned, experts=rest), plain)
            others = _mean(_quality(each, tuned) for each in own)
        was, now = (_mean(of[id(each)] for each in own) for of in (before, after))
        scores[one.name] = Score(len(own), was, now, others)
    # An expert that did not help the questions that were held out is not kept.
    helped = {name for name, score in scores.items() if score.after > score.before}
    experts = [each for each in learned.experts if each["name"] in helped]
    return Found(scores, replace(learned, experts=experts), policy, _experts(policy, settings))


def measured(data: Path, folders: Sequence[Path], folder: Path) -> list[float]:
    """nDCG@10 of a data set by each of these folders of policies, indexed once in `folder`."""
    one = beir.judged(data)
    own = own_settings(folder, index={"name": one.name})
    found = opening.documents(own, [str(one.folder)], TENANT)
    values: list[float] = []
    with Inline(own, TENANT) as inline:
        inline.index(each for each in found if isinstance(each, DocumentFed))
        for each in folders:
            config = app_config.retrieval(own.model_copy(update={"policies": each}))
            events = inline.retrieved(one.queries, config)
            asked = [Asked(one.name, events[q], one.relevant[q]) for q in one.queries]
            values.append(_mean(_quality(each, config) for each in asked))
    return values


def write(found: Found, output: Path) -> None:
    """The policy and, beside it, the trees it names."""
    data = training.as_bytes(found.form)
    output.parent.mkdir(parents=True, exist_ok=True)
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
    own = own_settings(folder, policies=settings.policies, index={"name": one.name})
    found = opening.documents(own, [str(one.folder)], TENANT)
    with Inline(own, TENANT) as inline:
        count = inline.index(each for each in found if isinstance(each, DocumentFed))
        say(f"{one.name}: {count:,} documents, {len(one.queries):,} judged questions")
        events = inline.retrieved(one.queries, config)
    return [Asked(one.name, events[query], one.relevant[query]) for query in one.queries]


def _experts(policy: Mapping[str, Any], settings: Settings) -> Sequence[Form]:
    """Those of the present policy, as in their file."""
    if policy["reordering"] is None:
        return []
    folder = settings.policies or policies.SHIPPED
    return json.loads((folder / policy["reordering"]["file"]).read_bytes())["experts"]


def _parts(asked: Sequence[Asked], folds: int) -> list[list[Asked]]:
    """Folds that share no relevant document.

    Questions about one document carry its length and likeness into the trees: on SciFact, where
    claims come in pairs, folds that share documents give .76 and those that do not .745.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(of: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(of, of) != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for each in asked:
        first, *others = ((each.name, document) for document in each.relevant)
        for other in others:
            parent[root(other)] = root(first)
    roots = [root((each.name, next(iter(each.relevant)))) for each in asked]
    order = np.random.default_rng(SEED).permutation(len(set(roots))).tolist()
    fold: dict[tuple[str, str], int] = {
        of: int(place) % folds for of, place in zip(sorted(set(roots)), order, strict=True)
    }
    parts: list[list[Asked]] = [list[Asked]() for _ in range(folds)]
    for each, of in zip(asked, roots, strict=True):
        parts[fold[of]].append(each)
    return parts


def _counts(asked: Sequence[Asked], sets: Sequence[beir.Judged]) -> dict[str, int]:
    return {one.name: sum(each.name == one.name for each in asked) for one in sets}


def _learn(asked: Sequence[Asked], config: RetrievalConfig, *, fixed: bool) -> Learned:
    """Weights first, unless they are fixed; then an expert for each set on what these give."""
    names = [*dict.fromkeys(each.name for each in asked)]

    of = {name: [each for each in asked if each.name == name] for name in names}

    def total(weights: tuple[float, float]) -> float:
        tried = replace(config, bm25_weight=weights[0], sentence_weight=weights[1])
        return _mean(_mean(_quality(e, tried) for e in some[:ENOUGH]) for some in of.values())

    present = chosen = (config.bm25_weight, config.sentence_weight)
    if not fixed:
        best = max(WEIGHTS, key=total)
        chosen = best if total(best) > total(present) + WORTH else present
    tried = replace(config, bm25_weight=chosen[0], sentence_weight=chosen[1])
    experts = [
        training.expert(name, [_example(each, tried) for each in some]) for name, some in of.items()
    ]
    return Learned(*chosen, experts)


def _applied(learned: Learned, config: RetrievalConfig) -> RetrievalConfig:
    return replace(
        config,
        bm25_weight=learned.bm25_weight,
        sentence_weight=learned.sentence_weight,
        reordering=training.loaded("tuned", training.form_of(learned.experts)),
        blend=1.0,
    )


def _quality(asked: Asked, config: RetrievalConfig) -> float:
    scores = scored(asked.event, config)
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    found = documents(asked.event.candidates[at].doc_id for at in order)
    return ndcg(found, asked.relevant)


def _example(asked: Asked, config: RetrievalConfig) -> Example:
    candidates = asked.event.candidates
    rows = rows_of(asked.event.carried.question.query, candidates, scored(asked.event, config))
    grades = np.array([asked.relevant.get(each.doc_id, 0) for each in candidates])
    return Example(ground_of(candidates), rows, grades)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(len(listed), 1)
