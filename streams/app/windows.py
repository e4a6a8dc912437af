"""What the windows of usage are kept by, without Faust, which keeps them."""

from __future__ import annotations

DAYS, SLIDING, SPENT = "days", "sliding", "spent"  # tables
NAME = "usage"


def group(prefix: str) -> str:
    """The consumer group, and what the topics of the tables begin with."""
    return f"{prefix}.{NAME}"


def changelog(prefix: str, table: str) -> str:
    """The topic that holds a table: a row by key, and of a window by its begin and end too."""
    return f"{group(prefix)}-{table}-changelog"


def changelogs(prefix: str) -> list[str]:
    """Of all tables."""
    return [changelog(prefix, table) for table in (DAYS, SLIDING, SPENT)]
