"""Which traces a collector keeps: an OpenTelemetry Collector's configuration, as it reads it.

Whether a question failed, was slow or took a fallback is known at its end, and the spans of its
stages come from several processes: so who has all of them decides, and no worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.release.observing.objectives import Edge, edges

DECISION_WAIT_S = 45  # from a trace's first span: longer than a question's usual deadline
KEPT_PERCENT = 5  # of what is as it should be
_MOST_MS = 2**53  # a time above any


def sampling(policies: Path | None) -> dict[str, Any]:
    """The content of its file; what is slow is what breaks a promise of `objectives.yaml`.

    Raises:
        UserError: the policy of objectives is absent or wrong.
    """
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}},
        "processors": {
            "tail_sampling": {
                "decision_wait": f"{DECISION_WAIT_S}s",
                "policies": _kept(edges(policies)),
            },
            "batch": {},
        },
        "exporters": {"otlphttp": {"endpoint": "${env:TRACES_ENDPOINT}"}},
        "service": {
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["tail_sampling", "batch"],
                    "exporters": ["otlphttp"],
                }
            }
        },
    }


def _kept(promised: Sequence[Edge]) -> list[dict[str, Any]]:
    """A trace is kept that any of these keeps."""
    within = {each.name: int(each.within_s * 1000) for each in promised}
    return [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {
            "name": "degraded",
            "type": "boolean_attribute",
            "boolean_attribute": {"key": "millrace.degraded", "value": True},
        },
        _slow("slow-answers", "millrace.answer_ms", within["answer_time"]),
        _slow("slow-changes", "millrace.searchable_ms", within["freshness"]),
        {
            "name": "the-rest",
            "type": "probabilistic",
            "probabilistic": {"sampling_percentage": KEPT_PERCENT},
        },
    ]


def _slow(name: str, key: str, above_ms: int) -> dict[str, Any]:
    of = {"key": key, "min_value": above_ms, "max_value": _MOST_MS}
    return {"name": name, "type": "numeric_attribute", "numeric_attribute": of}
