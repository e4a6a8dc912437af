"""Where Faust keeps the windows: topics of JSON, the newest of each key. Read without Faust."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from streams.app import windows as names
from streams.app.settings import Settings
from streams.usage.rows import Row

KEPT_DAYS = 35  # of day windows: a month and what is late


def app_id(settings: Settings) -> str:
    """Faust's consumer group, and what the topics of its tables begin with."""
    return names.group(settings.group_prefix)


def changelog(settings: Settings, table: str) -> str:
    """The topic that holds a table: a row by key, and of a window by its begin and end too."""
    return names.changelog(settings.group_prefix, table)


@dataclass(slots=True)
class Windows:
    """Rows by key and the begin of the window, in milliseconds since the epoch."""

    rows: dict[tuple[str, int], Row] = field(default_factory=dict[tuple[str, int], Row])

    @property
    def seen(self) -> dict[int, int]:
        """The last offset of each partition of rag.usage that is in a row."""
        found: dict[int, int] = {}
        for row in self.rows.values():
            for partition, offset in row["seen"].items():
                found[int(partition)] = max(offset, found.get(int(partition), -1))
        return found


def windows(records: Iterable[tuple[bytes | None, bytes | None]]) -> Windows:
    """What a changelog holds, of the keys and values of its records in order."""
    found = Windows()
    for key, value in records:
        name, (begin, _) = cast("tuple[str, tuple[float, float]]", json.loads(key or b"null"))
        place = name, int(begin * 1000)
        row: Any = None if value is None else json.loads(value)
        if row is None:
            found.rows.pop(place, None)
        else:
            found.rows[place] = row
    return found
