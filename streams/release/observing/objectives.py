"""What is promised at the edges, by `policies/objectives.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from schemas.measures import SECONDS
from schemas.validation import Written, expected, validated
from streams.app import policies
from streams.flow.errors import UserError

OBJECTIVES = "objectives.yaml"
_KNOWN = ", ".join(f"{each:g}" for each in SECONDS)
_Share = Annotated[float, Field(ge=0.5, lt=1), expected("a share, .5 to below 1")]


class _Objective(Written):
    within_s: float
    share: _Share


class _File(Written):
    version: str
    answer_time: _Objective
    freshness: _Objective
    revocation: _Objective


@dataclass(frozen=True, slots=True)
class Edge:
    """A promise: of all cases the `share` is good.

    What is good and what there is are selectors of counters; the one is among the other.
    """

    name: str
    said: str
    share: float
    within_s: float
    good: str
    all: str

    @property
    def budget(self) -> float:
        """The share of cases that may be bad."""
        return 1 - self.share


def edges(folder: Path | None) -> list[Edge]:
    """The promises of a folder of policies, or of the release's.

    Raises:
        UserError: the file is absent or wrong.
    """
    path = (folder or policies.SHIPPED) / OBJECTIVES
    try:
        file = validated(_File, policies.read(OBJECTIVES, folder))
        for name in ("answer_time", "freshness", "revocation"):
            within = getattr(file, name).within_s
            if within not in SECONDS:
                raise ValueError(f"'{name}.within_s' is {within:g}; it must be one of {_KNOWN}")
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None
    live, gone = 'op="upsert",lane="live"', 'op=~"delete|access",lane="live"'
    answered = f"millrace_answer_seconds_bucket{{{_le(file.answer_time)}}}"
    asked = 'millrace_answers_total{status!="refused"}'
    return [
        _edge("answer_time", "questions are answered", file.answer_time, answered, asked),
        *(
            _edge(
                name,
                said,
                objective,
                f"millrace_freshness_seconds_bucket{{{of},{_le(objective)}}}",
                f"millrace_freshness_seconds_count{{{of}}}",
            )
            for name, said, objective, of in (
                ("freshness", "changes are searchable", file.freshness, live),
                ("revocation", "what is withdrawn is gone", file.revocation, gone),
            )
        ),
    ]


def _edge(name: str, said: str, objective: _Objective, good: str, every: str) -> Edge:
    return Edge(name, said, objective.share, objective.within_s, good, every)


def _le(objective: _Objective) -> str:
    return f'le="{float(objective.within_s)}"'  # as Prometheus' client writes it
