"""What the guard needs of the outside: whose a token is, and what a policy decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from processors.guard.decision import Ask, Decision
from processors.guard.identity import Identity


class Tokens(Protocol):
    """Tells whose a token is."""

    def identity(self, token: str) -> Identity:
        """Who it says, once all of it was verified.

        Raises:
            UnprovenError: it proves nothing.
        """
        ...


class Policy(Protocol):
    """Decides what may be asked, searched for and shown. Safe to call from several threads."""

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        """By the policy in force. Where there is none, or it fails, everything is refused."""
        ...
