"""Files of JSON lines that people made: each bad line is named, and the rest goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from streams.errors import UserError

E = TypeVar("E")


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


def read(
    path: Path, parse: Callable[[dict[str, Any], int], E | str]
) -> tuple[list[E], list[BadLine], set[str]]:
    """What `parse` makes of each line and its number, the lines that are bad, and all columns.

    `parse` says in a text what is wrong with a line. Raises `UserError` if the file cannot be read.
    """
    good: list[E] = []
    bad: list[BadLine] = []
    columns: set[str] = set()
    for number, row in rows(path):
        if isinstance(row, BadLine):
            bad.append(row)
            continue
        columns |= set(row)
        found = parse(row, number)
        if isinstance(found, str):
            bad.append(BadLine(number, found))
        else:
            good.append(found)
    return good, bad, columns


def packed(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a gzipped file of a public data set, which are all good.

    Raises `UserError` if the file cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
