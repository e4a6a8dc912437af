"""Markdown's title."""

from __future__ import annotations


def title_of(body: str, fallback: str) -> str:
    """The first top heading, which the chunker then sees as the document's name."""
    for line in body.splitlines()[:50]:
        if line.startswith("# "):
            return line[2:].strip()
    return fallback
