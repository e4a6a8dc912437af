"""How far the local judge agreed with people when that was measured, to stand beside its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.weights import digest_of
from evaluation.quality.judge import SHIPPED

RESULTS = Path(__file__).parents[1] / "results" / "agreement.json"


def measured(judge: str) -> dict[str, float] | None:
    """By set, the AUC in the results file, if it is of this judge."""
    try:
        found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if (found["judge"], found["sha256"]) != (judge, digest_of(SHIPPED)):
        return None
    return {name: each["auc"][0] for name, each in found["sets"].items()}
