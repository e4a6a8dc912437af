"""The sample corpus: an invented bank's handbook for two tenants, with questions and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TENANTS = ("retail", "corporate")


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question with what a right answer holds. `contains` is matched without regard to case."""

    id: str
    tenant: str
    question: str
    answer: str
    contains: list[str]
    sources: list[str]
    kind: str
    answerable: bool

    def is_right(self, status: str, answer: str, sources: list[str]) -> bool:
        """Whether an answer says what it must and cites where that stands, or rightly abstains."""
        if not self.answerable:
            return status == "abstained"
        said = answer.casefold()
        return (
            status == "answered"
            and all(part.casefold() in said for part in self.contains)
            and bool(set(self.sources) & set(sources))
        )


def documents(tenant: str) -> Path:
    """The folder of a tenant's documents; ids are paths below it."""
    return FOLDER / "documents" / tenant


def questions() -> list[SampleQuestion]:
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [SampleQuestion(**json.loads(line)) for line in lines]


def changes() -> dict[str, dict[str, Any]]:
    """The change and the deletion that the demo makes."""
    return json.loads((FOLDER / "changes.json").read_text(encoding="utf-8"))
