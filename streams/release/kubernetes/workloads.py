"""Which workloads a cluster runs: a stage each, but for what has to be in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas import topics
from streams.app import windows
from streams.app.ports import IndexSettings, openers, tier_of
from streams.flow.stage import Area, Stage

# What a stage's ports cost beside the worker itself: processors, MiB, and of a disk MiB.
# The worker: 180 MB with nothing open, and half a core at a few thousand events a second.
WORKER = (0.25, 384, 256)
COSTS: Mapping[str, tuple[float, int, int]] = {
    "convert": (2.0, 2560, 1024),  # two files at once, each up to convert.memory_mb
    "embedding": (1.75, 1152, 512),
    "reading": (1.75, 896, 512),
}
ANSWERING = "generate"
FOLDER = (1.0, 2048, 1024)  # the index, where it is a folder of the worker's
# Whom a section's ports speak to; what is not here speaks to nobody.
PEERS = frozenset({"encoder", "opensearch", "qdrant", "redis", "reranker", "tiers"})
WINDOWS = "MILLRACE_USAGE_WINDOWS"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A consumer group and a topic that it reads: what a scaler looks at."""

    group: str  # behind the prefix of the settings
    topic: str


@dataclass(frozen=True, slots=True)
class Workload:
    """Stages that run in one process of a cluster."""

    name: str  # as a cluster's objects may be called
    stages: tuple[str, ...]
    area: Area
    background: bool
    keeps: bool  # has the index in a folder: one process of all, with a volume
    triggers: tuple[Trigger, ...]
    sections: tuple[str, ...]  # of the settings, as its ports have them
    tiers: tuple[str, ...] = ()  # whose models it asks: it is there where one of them is
    setting: str = ""  # a variable: it is there where that is true

    @property
    def peers(self) -> tuple[str, ...]:
        """What it speaks to beside the broker, the registry and a collector of spans."""
        return tuple(name for name in self.sections if name in PEERS)

    @property
    def resources(self) -> tuple[float, int, int]:
        """Processors, MiB of memory and of scratch space that it is given unless values say so."""
        costs = [WORKER, *(COSTS[name] for name in self.sections if name in COSTS)]
        costs += [FOLDER] if self.keeps else []
        return sum(c for c, _, _ in costs), sum(m for _, m, _ in costs), sum(d for *_, d in costs)


def workloads(stages: Sequence[Stage], *, folder: bool) -> list[Workload]:
    """In flow order. Where the index is a `folder`, what works on it is one."""
    grouped: dict[str, list[Stage]] = {}
    for stage in stages:
        kept = folder and IndexSettings.section in sections_of(stage)
        name = "index" if kept else stage.name.replace(".", "-")
        grouped.setdefault(name, []).append(stage)
    return [_workload(name, together, folder) for name, together in grouped.items()]


def counting() -> Workload:
    """Who keeps windows of usage: no stage, and a workload as they are."""
    trigger = Trigger(windows.NAME, topics.RAG_USAGE.name)
    return Workload(
        windows.NAME, (windows.NAME,), "platform", True, False, (trigger,), (), setting=WINDOWS
    )


def sections_of(stage: Stage) -> set[str]:
    """Of the settings, as its ports have them."""
    return {s.section for each in openers(stage.needs, stage.name) for s in each.sections}


def either(first: Sequence[Workload], second: Sequence[Workload]) -> list[Workload]:
    """Workloads that have what they need in either of two topologies of the same stages."""
    return [
        replace(one, sections=tuple(sorted({*one.sections, *other.sections})))
        for one, other in zip(first, second, strict=True)
    ]


def _workload(name: str, together: Sequence[Stage], folder: bool) -> Workload:
    subscriptions = [each for stage in together for each in stage.subscriptions]
    sections: set[str] = set[str]().union(*map(sections_of, together))
    return Workload(
        name,
        tuple(stage.name for stage in together),
        together[0].place.area,
        all(stage.place.background for stage in together),
        folder and IndexSettings.section in sections,
        tuple(Trigger(each.group, topic.name) for each in subscriptions for topic in each.topics),
        tuple(sorted(sections)),
        tuple(tier for stage in together for tier in tiers_of(stage)),
    )


def tiers_of(stage: Stage) -> list[str]:
    """Of which it asks the models, and without which there is nothing for it to do."""
    if not stage.name.startswith(f"{ANSWERING}."):
        return []
    return [tier for tier in map(tier_of, stage.needs) if tier]


def table(workloads: Sequence[Workload], flow: Sequence[Stage]) -> list[dict[str, Any]]:
    """What the chart's templates loop over.

    In `wave`, the order of a change, who reads an event comes before who writes it: so of several
    stages in one workload the last counts. What is no stage reads alone.
    """
    place = {stage.name: at for at, stage in enumerate(flow)} | {windows.NAME: len(flow)}
    last = sorted(workloads, key=lambda each: -max(place[name] for name in each.stages))
    waves = {each.name: wave for wave, each in enumerate(last, 1)}
    return [_row(each) | {"wave": waves[each.name]} for each in workloads]


def _row(workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name,
        "stages": [*workload.stages],
        "area": workload.area,
        "background": workload.background,
        "keeps": workload.keeps,
        "triggers": [{"group": each.group, "topic": each.topic} for each in workload.triggers],
        "sections": [*workload.sections],
        "peers": [*workload.peers],
        "tiers": [*workload.tiers],
        "setting": workload.setting,
    }
