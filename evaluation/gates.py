"""The quality gates of `policies/gates.toml`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluation.scoring import METRICS
from schemas.errors import UserError
from streams.policies import SHIPPED


@dataclass(frozen=True, slots=True)
class Gates:
    """The least value of each metric, and the least share of questions it is measured on."""

    version: str
    measured: float
    least: dict[str, float]

    def failures(self, totals: Mapping[str, tuple[float, int, int]]) -> dict[str, str]:
        """By metric, why its gate fails. `totals` are value, measured and of how many."""
        failed: dict[str, str] = {}
        for name, least in self.least.items():
            value, measured, of = totals.get(name, (math.nan, 0, 0))
            if math.isnan(value) or measured < self.measured * of:
                failed[name] = f"unmeasured ({measured} of {of} questions)"
            elif value < least:
                failed[name] = f"{value:.3f} is below {least:.2f}"
        return failed


def read(folder: Path | None = None) -> Gates:
    """The gates in force. Raises `UserError` if the file is missing or not understood."""
    path = (folder or SHIPPED) / "gates.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        gates = {str(k): float(v) for k, v in found["gates"].items()}
        unknown = sorted(set(gates) - set(METRICS))
        if unknown:
            raise UserError(f"{path} has a gate for {unknown[0]}, which is not measured")
        return Gates(str(found["version"]), float(found["measured"]), gates)
    except OSError as error:
        raise UserError(f"the gates {path} cannot be read: {error.strerror}") from error
    except (KeyError, ValueError, AttributeError) as error:
        raise UserError(f"the gates {path} are not understood: {error}") from error
