"""Files of JSON lines that people made: each bad line is named, and the rest goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from streams.flow.errors import UserError

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
        row = parsed(line)
        yield number, BadLine(number, row) if isinstance(row, str) else row


def parsed(line: bytes | str) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with it."""
    try:
        row: object = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # \ud83d alone: neither an event nor a tokenizer takes it
        return "has half a character (a lone surrogate)"
    except RecursionError:
        return "is nested too deeply"
    except ValueError:
        return "is not JSON"
    return cast("dict[str, Any]", row) if isinstance(row, dict) else "is not a JSON object"


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


def unusable(
    path: Path, bad: Sequence[BadLine], columns: Collection[str], missing: Sequence[str]
) -> UserError:
    """Of a file none of whose lines can be used: the columns that are missing from all, or else
    what is wrong with its first line."""
    if not bad:
        return UserError(f"{path} has no line")
    if columns and missing:
        there = ", ".join(sorted(columns))
        return UserError(f"{path} has no column {' and no column '.join(missing)}; it has {there}")
    return UserError(f"{path} has no usable line; line {bad[0].line} {bad[0].reason}")


def packed(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a gzipped file of a public data set, which are all good.

    Raises `UserError` if the file cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
