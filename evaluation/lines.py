"""Files of JSON lines that people made: each bad line is named, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from streams.errors import UserError


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be used: its number, and why."""

    line: int
    reason: str


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Each line that is not blank, by its number: an object, or why it is none.

    Raises `UserError` if the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except ValueError:
            yield number, BadLine(number, "is not JSON")
            continue
        if isinstance(row, dict):
            yield number, cast("dict[str, Any]", row)
        else:
            yield number, BadLine(number, "is not a JSON object")
