"""The quality gates of `policies/gates.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from evaluation.quality.scoring import METRICS
from schemas.validation import Written, expected, validated
from streams.app import policies
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


Share = Annotated[float, Field(strict=True, ge=0, le=1), expected("a number, 0 to 1")]


class _File(Written):
    version: str
    measured: Share
    gates: dict[str, Share]

    @field_validator("gates")
    @classmethod
    def _measured(cls, gates: dict[str, float]) -> dict[str, float]:
        if unknown := gates.keys() - set(GATED):
            raise ValueError(f"'{min(unknown)}' is not measured; {', '.join(GATED)} are")
        return gates


def read(folder: Path | None = None) -> Gates:
    """The gates in force. Raises `UserError` if the file is missing or not understood."""
    path = (folder or policies.SHIPPED) / "gates.toml"
    try:
        file = validated(_File, policies.toml(path))
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None
    return Gates(file.version, file.measured, file.gates)
