"""What a load needs, stage by stage, and what is short first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.flow.stage import Stage
from streams.release.capacity.queueing import most_rate, wait_quantile, workers_for
from streams.release.capacity.rates import Rates
from streams.release.capacity.shapes import SHAPES
from streams.release.kubernetes.workloads import Workload, workloads

DAY_S = 86_400
BUSY = 0.7  # of a worker: what is above it is for restarts and uneven keys
QUESTION_WAIT_S, BACKGROUND_WAIT_S = 0.5, 10.0  # before one stage, 99 of 100
PARTITION_STEP = 4
# What is kept of each, in bytes: a vector of 384 floats; a chunk's text with its payload, in the
# index; a document on docs.changes; a question on all topics together. Replicas come on top.
VECTOR, CHUNK, DOCUMENT, QUESTION = 4 * 384, 4_096, 6_144, 60_000
QUESTION_DAYS = 30  # rag.closed and rag.answers hold nearly all of it
TENANT_STATE = 64 * 1024  # sessions and request ids


@dataclass(frozen=True, slots=True)
class Load:
    """A day's, and how many times as much its busiest second has as the mean."""

    questions: float
    documents: float
    changes: float
    tenants: int
    peak: float = 3.0

    @property
    def questions_a_second(self) -> float:
        return self.questions * self.peak / DAY_S

    @property
    def changes_a_second(self) -> float:
        return self.changes * self.peak / DAY_S


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a month: a core, a GiB of memory, a GiB of storage."""

    core: float = 25.0
    memory: float = 3.5
    storage: float = 0.1


@dataclass(frozen=True, slots=True)
class Need:
    """Of one stage; `documents`: changes of them come to it, and no questions."""

    stage: str
    documents: bool
    a_second: float
    service_ms: float
    workers: int
    busy: float
    wait_p99_ms: float
    cores: float
    memory_gib: float
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it; `first` names what is short first as the load grows."""

    needs: tuple[Need, ...]
    partitions: int
    cores: float
    memory_gib: float
    storage_gib: Mapping[str, float]
    cost: float
    first: str
    gpus: Mapping[str, int]
    sources: Mapping[str, str]


def plan(stages: Sequence[Stage], load: Load, rates: Rates, prices: Prices) -> Plan:
    """What the load needs with the index in servers, each stage a workload of its own."""
    of = {each.stages[0]: each for each in workloads(stages, folder=False)}
    needs = tuple(_need(stage, of[stage.name], load, rates, prices) for stage in stages)
    most = max(each.workers for each in needs)
    partitions = math.ceil(most / PARTITION_STEP) * PARTITION_STEP
    storage = _storage(load, rates)
    cores, memory = sum(each.cores for each in needs), sum(each.memory_gib for each in needs)
    money = sum(each.cost for each in needs) + sum(storage.values()) * prices.storage
    chunks = load.changes_a_second * rates.chunks_a_document
    gpus = {each.name: each.gpus(chunks, load.questions_a_second) for each in SHAPES}
    first = _first(needs, load)
    return Plan(needs, partitions, cores, memory, storage, money, first, gpus, rates.sources)


def service(stage: str, rates: Rates) -> float:
    """Seconds of a core that the stage takes for one of its events."""
    name = stage.partition(".")[0]
    return rates.event + {
        "ingest": rates.document_rest / 2,  # converted, cut and written: two stages and the index
        "chunk": rates.document_rest / 4,
        "embed": rates.chunk_embedded * rates.chunks_a_document,
        "index": rates.document_rest / 4,
        "retrieve": rates.question_found,
        "generate": rates.question_read,
    }.get(name, 0.0)


def _need(stage: Stage, workload: Workload, load: Load, rates: Rates, prices: Prices) -> Need:
    documents = stage.place.area == "ingestion" or stage.name == "index"
    rate = load.changes_a_second if documents else load.questions_a_second
    given, mib, _ = workload.resources
    seconds = service(stage.name, rates) / given
    wait = BACKGROUND_WAIT_S if documents else QUESTION_WAIT_S
    workers = workers_for(rate, seconds, wait, BUSY)
    late = wait_quantile(0.99, 1, rate / workers, seconds)
    cores, memory = workers * given, workers * mib / 1024
    return Need(
        stage.name,
        documents,
        rate,
        seconds * 1000,
        workers,
        rate * seconds / workers,
        late * 1000,
        cores,
        memory,
        cores * prices.core + memory * prices.memory,
    )


def _storage(load: Load, rates: Rates) -> dict[str, float]:
    chunks = load.documents * rates.chunks_a_document
    found = {
        "vectors": chunks * VECTOR,
        "chunks": chunks * CHUNK,
        "documents": load.documents * DOCUMENT,
        "questions": load.questions * QUESTION_DAYS * QUESTION,
        "sessions": load.tenants * TENANT_STATE,
    }
    return {name: size / 1024**3 for name, size in found.items()}


def _first(needs: Sequence[Need], load: Load) -> str:
    """The stage that has the least left, and the load that takes it."""
    asked = [each for each in needs if each.a_second]
    if not asked:
        return "nothing is asked of any stage"
    first = min(asked, key=_growth)
    day, what = (load.changes, "changes") if first.documents else (load.questions, "questions")
    return (
        f"{first.stage}: {first.workers:,} workers are {first.busy:.0%} busy at the peak; above "
        f"{day * _growth(first):,.0f} {what} a day it needs more, before any other stage"
    )


def _growth(need: Need) -> float:
    """How many times the load its workers take."""
    wait = BACKGROUND_WAIT_S if need.documents else QUESTION_WAIT_S
    return need.workers * most_rate(need.service_ms / 1000, wait, BUSY) / need.a_second
