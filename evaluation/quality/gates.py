"""The quality gates of `policies/gates.toml`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.quality.scoring import METRICS
from streams.app.policies import SHIPPED
from streams.flow.errors import UserError

ABSTENTION = "abstention"  # the share of unanswerable questions that get no answer
GATED = (*METRICS, ABSTENTION)
NAMED = 3  # reasons a message gives, and questions it names for each


@dataclass(frozen=True, slots=True)
class Total:
    """A metric over a dataset. What is counted are measurements: a question asked three times is
    three, and so is a line that could not be asked."""

    value: float
    low: float
    high: float
    measured: int
    of: int  # what the dataset asks for
    unmeasured: Mapping[str, Sequence[str]] = field(default_factory=dict[str, list[str]])
    """By reason, the questions and lines; as often as it left them unmeasured."""

    @property
    def status(self) -> str:
        if not self.of:
            return "nothing to measure"
        return "measured" if self.measured else "unmeasured"


@dataclass(frozen=True, slots=True)
class Gates:
    """The least value of each metric, and the least share of its measurements to be had."""

    version: str
    measured: float
    least: dict[str, float]

    def failures(self, totals: Mapping[str, Total]) -> dict[str, str]:
        """By metric, why its gate fails. One that no line asks for has nothing to fail."""
        failed: dict[str, str] = {}
        for name, least in self.least.items():
            total = totals[name]
            if not total.of:
                continue
            if not total.measured or total.measured / total.of < self.measured:
                failed[name] = (
                    f"unmeasured: {total.measured} of {total.of} measurements, "
                    f"at least {self.measured:.0%} wanted; {reasons(total.unmeasured)}"
                )
            elif total.value < least:
                failed[name] = f"{total.value:.3f} is below {least:.2f}"
        return failed


def reasons(unmeasured: Mapping[str, Sequence[str]]) -> str:
    """What was not measured and why, the most frequent reason first."""
    said: list[str] = []
    for reason, names in sorted(unmeasured.items(), key=lambda each: -len(each[1]))[:NAMED]:
        distinct = list(dict.fromkeys(names))
        more = f" and {len(distinct) - NAMED} more" if len(distinct) > NAMED else ""
        said.append(f"{reason}: {len(names)} ({', '.join(distinct[:NAMED])}{more})")
    rest = len(unmeasured) - len(said)
    return "; ".join(said) + (f"; and {rest} other reasons" if rest else "")


def read(folder: Path | None = None) -> Gates:
    """The gates in force. Raises `UserError` if the file is missing or not understood."""
    path = (folder or SHIPPED) / "gates.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        gates = {str(k): float(v) for k, v in found["gates"].items()}
        measured = float(found["measured"])
        version = str(found["version"])
    except OSError as error:
        raise UserError(f"the gates {path} cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise UserError(f"the gates {path} have no {error.args[0]}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"the gates {path} are not understood: {error}") from error
    unknown = sorted(set(gates) - set(GATED))
    if unknown:
        raise UserError(f"{path} has a gate for {unknown[0]}, which is not measured")
    for name, least in {"measured": measured, **gates}.items():
        if math.isnan(least) or not 0 <= least <= 1:
            raise UserError(f"the gates {path}: {name} = {least} is not between 0 and 1")
    return Gates(version, measured, gates)
