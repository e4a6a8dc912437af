"""The questions of the sample under a fault: asked by several at once, and what came of each."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from evaluation.bench.report import Say
from evaluation.evaluate import SAMPLE
from evaluation.quality import asking, dataset
from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.scoring import METRICS, Scores
from evaluation.statistics import bootstrap
from streams.app.settings import Settings
from streams.flow.errors import UserError
from tests.chaos.faults import Fault
from tests.chaos.rig import Rig

AT_ONCE = 3
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a fault's questions were answered with, in their order, and how long each took."""

    fault: str
    where: str
    replies: Sequence[Reply]
    seconds: Sequence[float]


def ask(rig: Rig, fault: Fault, items: Sequence[Item], say: Say) -> Heard:
    """Everyone is connected, then the fault begins, then all ask."""
    with ExitStack() as stack:
        askers = [stack.enter_context(asking.asking(rig.settings)) for _ in range(AT_ONCE)]

        over = threading.Event()

        def own(number: int) -> list[tuple[Reply, float]]:
            found: list[tuple[Reply, float]] = []
            for item in items[number::AT_ONCE]:
                if over.is_set():
                    break
                begun = time.monotonic()
                found.append((askers[number](item), time.monotonic() - begun))
            return found

        with fault.hold(rig), ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                found = [*pool.map(own, range(AT_ONCE))]
            finally:
                over.set()
    ordered = [found[n % AT_ONCE][n // AT_ONCE] for n in range(len(items))]
    heard = Heard(fault.name, fault.where, [r for r, _ in ordered], [s for _, s in ordered])
    statuses = Counter(each.status for each in heard.replies)
    say(f"{fault.name}: {dict(statuses)}, at most {max(heard.seconds):.1f} s")
    return heard


def settled(settings: Settings, items: Sequence[Item], say: Say) -> None:
    """Returns once a question is answered without anything degraded: what was wrong is over."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(UserError):  # the broker is not back yet
            (reply,) = asking.ask_all(settings, [items[0]], lambda _: None)
            if reply.answer is not None and not reply.answer.degraded:
                return
        time.sleep(1)
    say("something is degraded still, a minute after the fault")


def row(heard: Heard, items: Sequence[Item], scores: Sequence[Scores]) -> Row:
    """Of one fault: shares of its questions, and mean scores with their intervals."""
    replies = heard.replies
    told = Counter(
        reason.partition(",")[0]
        for each in replies
        if each.answer is not None
        for reason in {r.partition(":")[0] for r in each.answer.degraded}
    )
    return {
        "fault": heard.fault,
        "where": heard.where,
        "asked": len(items),
        "answered": sum(each.status == "answered" for each in replies),
        "abstained": sum(each.status == "abstained" for each in replies),
        "failed": sum(bool(each.error) for each in replies),
        "errors": sorted({each.error[:120] for each in replies if each.error}),
        "degraded": sum(each.answer is not None and bool(each.answer.degraded) for each in replies),
        "degraded_at": dict(sorted(told.items())),
        "right": sum(
            bool(item.is_right(each.status, each.response, each.cited))
            for item, each in zip(items, replies, strict=True)
        ),
        "median_s": round(median(heard.seconds), 2),
        "longest_s": round(max(heard.seconds), 2),
        "scores": {name: _mean(name, scores) for name in METRICS},
    }


def _mean(name: str, scores: Sequence[Scores]) -> dict[str, float] | None:
    """None where no answer could be scored."""
    values = np.array([each.values[name] for each in scores if name in each.values])
    if not len(values):
        return None
    value, low, high = bootstrap(len(values), lambda rows: float(values[rows].mean()))
    return {
        "value": round(value, 3), "low": round(low, 3), "high": round(high, 3), "of": len(values),
    }  # fmt: skip


def said(item: Item, reply: Reply) -> tuple[str, ...]:
    """What a score follows from."""
    return item.id, reply.status, reply.response, *reply.contexts


def worse(normal: Row, row: Row) -> bool:
    """Whether answers under a fault are less faithful than the interval of normal ones allows."""
    now, before = row["scores"]["faithfulness"], normal["scores"]["faithfulness"]
    return now is not None and now["value"] < before["low"]


def sample() -> list[Item]:
    """Every second question of the sample."""
    items, bad = dataset.read(SAMPLE)
    assert not bad
    return items[::2]
