"""Metrics and logs of every stage. Only the runtime calls this; processors never do."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.json_lines import as_line
from streams.flow.masking import masked
from streams.runtime.folding import OTHER, TENANTS

REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)

RECORDS = Counter("millrace_records", "Records committed.", ["stage"], registry=REGISTRY)
OUTPUTS = Counter("millrace_outputs", "Events written.", ["stage"], registry=REGISTRY)
RETRIES = Counter("millrace_retries", "Tries after the first.", ["stage"], registry=REGISTRY)
DEAD_LETTERS = Counter("millrace_dead_letters", "Dead letters.", ["stage"], registry=REGISTRY)
EXPIRED = Counter("millrace_expired", "Answers owed too late.", ["stage"], registry=REGISTRY)
SUPERSEDED = Counter("millrace_superseded", "Records not worked on.", ["stage"], registry=REGISTRY)
ABORTS = Counter("millrace_aborts", "Transactions aborted.", ["stage"], registry=REGISTRY)
LAG = Gauge(
    "millrace_lag",
    "Records behind the end.",
    ["stage", "topic", "partition"],
    registry=REGISTRY,
)
HELD = Gauge("millrace_held", "Records that wait for another try.", ["stage"], registry=REGISTRY)
IN_FLIGHT = Gauge("millrace_in_flight", "Records held.", ["stage"], registry=REGISTRY)
SLOW_SECONDS = Counter(
    "millrace_slow_seconds", "In slow lanes.", ["stage", "share"], registry=REGISTRY
)
SLOW_WAITING = Gauge(
    "millrace_slow_waiting", "In slow lanes or before them.", ["stage", "share"], registry=REGISTRY
)
OVER_BUDGET = Counter(
    "millrace_over_budget", "Times it began.", ["stage", "share"], registry=REGISTRY
)
BATCH = Histogram(
    "millrace_batch_records", "Records of a commit.", ["stage"], buckets=_SIZES, registry=REGISTRY
)
LATENCY = Histogram(
    "millrace_latency_seconds",
    "From a record's timestamp to its commit.",
    ["stage"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
RESTORED = Counter(
    "millrace_state_restored", "Changes of state read anew.", ["stage"], registry=REGISTRY
)
STATE_EXPIRED = Counter(
    "millrace_state_expired", "Entries kept for their whole time.", ["stage"], registry=REGISTRY
)
STATE_UNMET = Counter(
    "millrace_state_unmet", "What in these waited in vain.", ["stage"], registry=REGISTRY
)
MODEL_TEXTS = Counter(
    "millrace_embedded_texts", "Texts the model saw.", ["kind"], registry=REGISTRY
)
MODEL_CALLS = Histogram(
    "millrace_model_seconds",
    "How long the language model took, answered or not.",
    ["model", "outcome"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
MODEL_TOKENS = Counter(
    "millrace_model_tokens", "Tokens that it counted.", ["model", "kind"], registry=REGISTRY
)
MODEL_COST = Counter(
    "millrace_model_cost", "By policies/prices.yaml.", ["model"], registry=REGISTRY
)
MODEL_UNPRICED = Counter(
    "millrace_model_unpriced", "Calls whose cost nobody knows.", ["model"], registry=REGISTRY
)
PARTIALS = Counter(
    "millrace_partials", "What answers said as they were written.", ["outcome"], registry=REGISTRY
)
POLICY = Counter(
    "millrace_policy_decisions",
    "Decisions of the policy, and whether a candidate beside it decides otherwise.",
    ["ask", "allowed", "otherwise"],
    registry=REGISTRY,
)
STARTED = Gauge(
    "millrace_started_seconds",
    "When the worker of this name started, since the epoch.",
    ["stage", "worker"],
    registry=REGISTRY,
)
STALLED = Gauge(
    "millrace_stalled",
    "1 while a stage gets nowhere with what it holds.",
    ["stage"],
    registry=REGISTRY,
)
PEER_AWAY = Gauge(
    "millrace_peer_away",
    "1 while an outside service is not asked, since it did not answer.",
    ["peer"],
    registry=REGISTRY,
)


def watch_peer(peer: str, away: bool) -> None:
    """Show whether a service is away."""
    PEER_AWAY.labels(peer).set(away)


def watch_stage(stage: str, worker: str, stalled: Callable[[], bool], stack: ExitStack) -> None:
    """Show since when a worker runs, and whenever somebody looks, whether it gets on."""
    STARTED.labels(stage, worker).set(time.time())
    STALLED.labels(stage).set_function(lambda: float(stalled()))
    stack.callback(STALLED.remove, stage)
    stack.callback(STARTED.remove, stage, worker)


class StageMetrics:
    """The metrics of one stage, label look-ups done once."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.records = RECORDS.labels(stage)
        self.outputs = OUTPUTS.labels(stage)
        self.retries = RETRIES.labels(stage)
        self.dead_letters = DEAD_LETTERS.labels(stage)
        self.expired = EXPIRED.labels(stage)
        self.superseded = SUPERSEDED.labels(stage)
        self.aborts = ABORTS.labels(stage)
        self.held = HELD.labels(stage)
        self.restored = RESTORED.labels(stage)
        self.in_flight = IN_FLIGHT.labels(stage)
        self.batch = BATCH.labels(stage)
        self.latency = LATENCY.labels(stage)
        self._waiting: dict[str, int] = {}  # in slow lanes, by whose they are

    def took(self, seconds: float, trace: str) -> None:
        """From a record's timestamp to its commit; the `trace` id, if any, is its example."""
        self.latency.observe(seconds, {"trace_id": trace} if trace else None)

    def expired_state(self, entries: int, unmet: int) -> None:
        STATE_EXPIRED.labels(self.stage).inc(entries)
        STATE_UNMET.labels(self.stage).inc(unmet)

    def lag(self, topic: str, partition: int, records: int) -> None:
        LAG.labels(self.stage, topic, str(partition)).set(records)

    def slow_seconds(self, share: str, seconds: float) -> None:
        SLOW_SECONDS.labels(self.stage, TENANTS.label(share)).inc(seconds)

    def slow_waiting(self, share: str, records: int) -> None:
        label = TENANTS.label(share)
        self._waiting[share] = records
        if not records:
            del self._waiting[share]
        if label == OTHER:
            all_of = sum(n for each, n in self._waiting.items() if TENANTS.label(each) == OTHER)
        else:
            all_of = records
        if all_of:
            SLOW_WAITING.labels(self.stage, label).set(all_of)
        else:
            with contextlib.suppress(KeyError):  # a former session's lanes may have been first
                SLOW_WAITING.remove(self.stage, label)

    def over_budget(self, share: str) -> None:
        OVER_BUDGET.labels(self.stage, TENANTS.label(share)).inc()

    def partition_gone(self, topic: str, partition: int) -> None:
        try:
            LAG.remove(self.stage, topic, str(partition))
        except KeyError:
            return


class JsonLogs(logging.Formatter):
    """One JSON object a line; what `extra` gives stands beside the message."""

    _own = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in vars(record).items() if k not in self._own})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return masked(as_line(line))


def log_as_json(level: str, loggers: Sequence[str] = ("",)) -> None:
    """Send logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLogs())
    for name in loggers:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
