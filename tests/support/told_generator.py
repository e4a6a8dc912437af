"""A language model that says what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processors.models import Completion


@dataclass(frozen=True, slots=True)
class ToldGenerator:
    """A `Generator`: `says` gets instructions and text, and gives the answer or raises."""

    says: Callable[[str, str], Completion]
    model: str = "told"

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Completion:
        """See `Generator`."""
        return self.says(instructions, text)
