"""What `evaluate` found, as its file of scores: totals, gates and every question."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.bench.report import Setting
from evaluation.lines import BadLine
from evaluation.quality import agreed
from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.gates import ABSTENTION, GATED, Gates, Total
from evaluation.quality.scoring import Scores
from evaluation.statistics import Interval, bootstrap

COMMAND = "python -m evaluation.evaluate"
WORST = 3  # questions named for a metric that fell

Rounds = Sequence[tuple[Reply, Scores]]  # of one question, each time it was asked


def report(
    judge: str,
    limits: Gates,
    items: Sequence[Item],
    repeats: int,
    scored: Sequence[tuple[Reply, Scores]],
    bad: Sequence[BadLine] = (),
) -> dict[str, Any]:
    """The scores file. `scored` holds every item once, then again for each repeat."""
    by_item = [
        [(reply, scores if item.answerable else _abstention(reply)) for reply, scores in rounds]
        for item, rounds in ((item, scored[i :: len(items)]) for i, item in enumerate(items))
    ]
    totals = {name: _total(name, items, by_item, repeats, bad) for name in GATED}
    failed = limits.failures(totals)
    questions = [_question(item, rounds) for item, rounds in zip(items, by_item, strict=True)]
    found = {
        "judge": {"name": judge, "agreement": agreed.measured(judge)},
        "setting": asdict(Setting.here()) | {"command": " ".join([COMMAND, *sys.argv[1:]])},
        "repeats": repeats,
        "lines": {"asked": len(items), "of": len(items) + len(bad)},
        "totals": {n: asdict(total) | {"status": total.status} for n, total in totals.items()},
        "right": _shares(items, by_item),
        "abstention": {
            "answerable": _shares(items, by_item, True),
            "unanswerable": _shares(items, by_item, False),
        },
        "gates": {
            "version": limits.version,
            "measured": limits.measured,
            "least": limits.least,
            "failed": failed,
            "worst": {name: _worst(name, questions) for name in failed},
        },
        "bad_lines": [{"line": each.line, "reason": each.reason} for each in bad],
        "questions": questions,
    }
    return _plain(found)


def _abstention(reply: Reply) -> Scores:
    """Of a reply to a question that the documents do not answer."""
    if reply.error:
        return Scores(unmeasured={ABSTENTION: reply.error})
    return Scores({ABSTENTION: float(reply.status == "abstained")})


def _asked(name: str, item: Item) -> bool:
    """Whether a metric is about a question."""
    return item.answerable != (name == ABSTENTION)


def _total(
    name: str,
    items: Sequence[Item],
    by_item: Sequence[Rounds],
    repeats: int,
    bad: Sequence[BadLine],
) -> Total:
    """The mean over questions, its interval over questions and their repeats.

    A bad line counts as an answerable question, as a line that says nothing else does, unless no
    line has one.
    """
    asked = [(i, r) for i, r in zip(items, by_item, strict=True) if _asked(name, i)]
    values = [[s.values[name] for _, s in rounds if name in s.values] for _, rounds in asked]
    kept: list[NDArray[np.float64]] = [np.array(each) for each in values if each]
    unmeasured: dict[str, list[str]] = {}
    answerable = any(item.answerable for item in items)
    for each in bad if answerable != (name == ABSTENTION) else ():
        unmeasured.setdefault(each.reason, []).extend([f"line {each.line}"] * repeats)
    for item, rounds in asked:
        for why in _reasons(name, rounds):
            unmeasured.setdefault(why, []).append(item.id)
    rng = np.random.default_rng(0)

    def mean(rows: NDArray[np.int_]) -> float:
        numbers: list[int] = rows.tolist()
        whole = numbers == list(range(len(kept)))
        drawn = [kept[i] if whole else rng.choice(kept[i], len(kept[i])) for i in numbers]
        return sum(float(each.mean()) for each in drawn) / len(drawn)

    interval = bootstrap(len(kept), mean) if kept else Interval(*[math.nan] * 3)
    measured = sum(map(len, kept))
    of = measured + sum(map(len, unmeasured.values()))
    return Total(interval.value, interval.low, interval.high, measured, of, unmeasured)


def _reasons(name: str, rounds: Rounds) -> Iterator[str]:
    """Why a metric was not measured, each time it was not."""
    for _, scores in rounds:
        if name not in scores.values:
            yield scores.unmeasured.get(name, "not asked for")


def _question(item: Item, rounds: Rounds) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in GATED:
        if not _asked(name, item):
            continue
        values = [s.values[name] for _, s in rounds if name in s.values]
        metrics[name] = {"value": float(np.mean(values))} if values else {}
        if reasons := list(_reasons(name, rounds)):
            metrics[name] |= {"unmeasured": reasons[0], "times": len(reasons)}
    first = rounds[0][0]
    return {
        "id": item.id,
        "tenant": item.tenant,
        "question": item.question,
        "answerable": item.answerable,
        "statuses": [reply.status for reply, _ in rounds],
        "answer": first.response,
        "cited": first.cited,
        "right": [item.is_right(r.status, r.response, r.cited) for r, _ in rounds],
        "errors": [reply.error for reply, _ in rounds if reply.error],
        "metrics": metrics,
    }


def _shares(
    items: Sequence[Item], by_item: Sequence[Rounds], answerable: bool | None = None
) -> dict[str, int]:
    """How many replies are right; of questions that are (not) answerable, how many are answered
    (abstain) as they should."""
    told: list[bool] = []
    for item, rounds in zip(items, by_item, strict=True):
        for reply, _ in rounds if answerable in (None, item.answerable) else ():
            if answerable is not None:
                told.append(reply.status == ("answered" if answerable else "abstained"))
            elif (right := item.is_right(reply.status, reply.response, reply.cited)) is not None:
                told.append(right)
    return {"right": sum(told), "of": len(told)}


def _worst(name: str, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    there = [q for q in questions if name in q["metrics"]]
    there.sort(key=lambda q: q["metrics"][name].get("value", -1.0))
    return [{"id": q["id"], "question": q["question"], **q["metrics"][name]} for q in there[:WORST]]


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is undefined is null."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value
