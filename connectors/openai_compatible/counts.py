"""Tokens as a server counts them, which nothing checks on the wire."""

from __future__ import annotations

MOST = 2**31 - 1  # that no call comes near


def count(said: object) -> int:
    """Of tokens; 0 where a server says nothing, or what is no count."""
    return said if isinstance(said, int) and 0 <= said <= MOST else 0


def counts(usage: object) -> tuple[int, int, int]:
    """Of the `usage` of a completion: input, output, and how much of the input was cached."""
    read = count(getattr(usage, "prompt_tokens", None))
    details = getattr(usage, "prompt_tokens_details", None)
    cached = count(getattr(details, "cached_tokens", None))
    return read, count(getattr(usage, "completion_tokens", None)), min(cached, read)
