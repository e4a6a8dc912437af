"""Why a file could not be read, as a value that feeds count by."""

from __future__ import annotations

from typing import Literal, get_args

from streams.flow.errors import Reject

Outcome = Literal[
    "unsupported",
    "too_large",
    "empty",
    "scanned",
    "encrypted",
    "damaged",
    "encoding",
    "bomb",
    "timed_out",
    "crashed",
    "draft",
]
OUTCOMES = frozenset(get_args(Outcome))


class Unreadable(Reject):
    """This document can never be converted; `outcome` is what kinds of it are counted by."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
