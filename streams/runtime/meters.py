"""Metrics per tenant, of what was committed: they count nothing twice."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from streams.flow.measure import Measured, Meter
from streams.runtime.folding import TENANTS, Names
from streams.runtime.record import Output
from streams.runtime.spans import TRACEPARENT_BYTES
from streams.runtime.telemetry import REGISTRY


class Meters:
    """Prometheus metrics of meters, made when they are first told something."""

    def __init__(self, registry: CollectorRegistry, names: Names) -> None:
        self._registry = registry
        self._names = names
        self._made: dict[Meter, Counter | Histogram] = {}
        self._lock = threading.Lock()

    def told(self, stage: str, measured: Measured, trace: str = "") -> None:
        """Count it; of a time the `trace` id is kept as an exemplar."""
        if not 0 <= measured.value < math.inf:
            return  # what a server said of itself: a counter would end the worker, or count no more
        metric = self._made.get(measured.meter) or self._make(measured.meter)
        tenant = self._names.label(measured.tenant, names=measured.names)
        of = metric.labels(stage, tenant, *measured.labels)
        if isinstance(of, Histogram):
            of.observe(measured.value, {"trace_id": trace} if trace else None)
        else:
            of.inc(measured.value)

    def committed(self, stage: str, outputs: Sequence[Output]) -> None:
        """These were written."""
        for output in outputs:
            if output.measured:
                trace = trace_of(output)
                for each in output.measured:
                    self.told(stage, each, trace)

    def _make(self, meter: Meter) -> Counter | Histogram:
        with self._lock:
            if meter not in self._made:
                labels = ("stage", "tenant", *meter.labels)
                self._made[meter] = (
                    Histogram(
                        meter.name,
                        meter.said,
                        labels,
                        buckets=meter.buckets,
                        registry=self._registry,
                    )
                    if meter.buckets
                    else Counter(meter.name, meter.said, labels, registry=self._registry)
                )
            return self._made[meter]


def trace_of(output: Output) -> str:
    """The trace id in its headers; empty: there is none."""
    said = next((value for name, value in output.headers if name == "traceparent"), b"")
    return said[3:35].decode("ascii", "replace") if len(said) == TRACEPARENT_BYTES else ""


METERS = Meters(REGISTRY, TENANTS)
