"""JSON and YAML as text in which each value stands with the names of its record.

A list of like records is a table, a small record one line, anything else lines of path and value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from connectors.converters import markdown
from connectors.converters.errors import Unreadable
from schemas import json_form

_TITLES = ("title", "name", "id")
_MOST_COLUMNS = 24
_LONGEST_CELL = 300
_LINE = 300  # characters of a record in one line
_FEW = 8  # its values
_DEEPEST = 24
_MOST_VALUES = 200_000  # of YAML, whose aliases may stand for more than memory holds
MOST_PATHS = 64 << 20
Record = Mapping[str, Any]


@dataclass(slots=True)
class _Left:
    """How much more may be written."""

    values: float = math.inf
    paths: int = MOST_PATHS  # characters

    def take(self, values: int, paths: int = 0) -> None:
        self.values -= values
        self.paths -= paths
        if self.values < 0:
            raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
        if self.paths < 0:
            raise Unreadable(
                "too_large",
                f"has paths of more than {MOST_PATHS:,} characters: a long name above many values",
            )


def json_text(text: str) -> tuple[str, str]:
    """The text of JSON and its title; numbers stay as they are written.

    Raises:
        ValueError, RecursionError: it is no JSON.
        Unreadable: its paths are too long to be said with each value.
    """
    datum: Any = json.loads(
        text, parse_int=str, parse_float=str, object_pairs_hook=json_form.once_each
    )
    return written(datum), _title(datum)


def yaml_text(text: str) -> tuple[str, str]:
    """The text of YAML and its title; all values stay as they are written.

    Raises:
        ValueError, RecursionError: it is no YAML, or one that names what is of another file.
    """
    import yaml

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        parts: list[Any] = [part for part in yaml.load_all(text, loader) if part]
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if not parts or not all(isinstance(part, dict | list) for part in parts):
        raise ValueError("it holds no records")
    left = _Left(_MOST_VALUES)
    return "\n\n".join(written(part, left) for part in parts), _title(parts[0])


def written(datum: Any, left: _Left | None = None) -> str:
    """The blocks of a value's text, a blank line between them."""
    return "\n\n".join(_blocks("", datum, 0, left or _Left()))


def _title(datum: Any) -> str:
    if not isinstance(datum, dict):
        return ""
    fields = cast("dict[str, Any]", datum)
    return next((v for key in _TITLES if isinstance(v := fields.get(key), str)), "")


def _blocks(path: str, value: Any, depth: int, left: _Left) -> Iterator[str]:
    left.take(1, 0 if _is_plain(value) else len(path) * len(value))
    if _is_plain(value):
        if said := _said(value):
            yield f"{path or 'value'}: {said}"
    elif depth > _DEEPEST:
        yield f"{path}: {json.dumps(value, ensure_ascii=False)}"
    elif isinstance(value, dict):
        yield from _record(path, cast("Record", value), depth, left)
    else:
        yield from _list(path, cast("list[Any]", value), depth, left)


def _record(path: str, record: Record, depth: int, left: _Left) -> Iterator[str]:
    own = {key: said for key, value in record.items() if (said := _said(value))}
    line = "; ".join(f"{key}: {said}" for key, said in own.items())
    in_line = path and 1 < len(own) <= _FEW and len(line) <= _LINE and "\n" not in line
    if in_line:
        yield f"{path}: {line}"
    lines: list[str] = []
    for key, value in record.items():
        name = f"{path}.{key}" if path else key
        if _said(value):
            left.take(1)
            lines += [] if in_line else [f"{name}: {own[key]}"]
        elif value and not _is_plain(value):
            if lines:
                yield "\n".join(lines)
                lines = []
            yield from _blocks(name, value, depth + 1, left)
    if lines:
        yield "\n".join(lines)


def _list(path: str, entries: list[Any], depth: int, left: _Left) -> Iterator[str]:
    rows = _table(entries, left)
    if rows:
        if path:
            yield markdown.heading(2, path.replace(".", " "))
        yield markdown.table(rows, headers=1)
        return
    for number, entry in enumerate(entries):
        name = _label(cast("Record", entry)) if isinstance(entry, dict) else ""
        yield from _blocks(f"{path}[{name or number}]", entry, depth + 1, left)


def _label(entry: Record) -> str:
    """What a record is called: its name, not only its number."""
    names = (entry.get(key) for key in ("name", "title", "id", "key", "code"))
    return next((name for name in names if isinstance(name, str) and 0 < len(name) < 60), "")


def _table(entries: list[Any], left: _Left) -> list[list[str]]:
    """The rows of a list of like records, their names first; nothing where they are not alike."""
    if not entries or not all(
        isinstance(entry, dict) and len(cast("Record", entry)) for entry in entries
    ):
        return []
    flat = [dict(_flat("", cast("Record", entry))) for entry in entries]
    names = list(dict.fromkeys(name for row in flat for name in row))
    left.take(len(names) * len(flat))
    if not 1 <= len(names) <= _MOST_COLUMNS or any(
        value is None for r in flat for value in r.values()
    ):
        return []
    filled = sum(map(len, flat))
    if 2 * filled < len(names) * len(flat):
        return []  # records of several kinds
    return [names, *([str(row.get(name) or "") for name in names] for row in flat)]


def _flat(path: str, record: Record) -> Iterator[tuple[str, str | None]]:
    """The values of a record and of those in it; None for what has no place in a cell."""
    for key, value in record.items():
        name = f"{path} {key}" if path else str(key)
        if _is_plain(value) or _said(value):
            said = _said(value)
            yield name, said if len(said) <= _LONGEST_CELL else None
        elif isinstance(value, dict) and path.count(" ") < 2:
            yield from _flat(name, cast("Record", value))
        elif value:
            yield name, None


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _said(value: Any) -> str:
    """A plain value, or a list of some, in one text; nothing for what has no value."""
    if isinstance(value, str):
        return value.strip() if "\n" in value.strip() else " ".join(value.split())
    if isinstance(value, list):
        entries = cast("Sequence[Any]", value)
        if not entries or not all(map(_is_plain, entries)):
            return ""
        said = ", ".join(filter(None, map(_said, entries)))
        return (
            said
            if len(said) <= _LINE and "\n" not in said
            else "\n".join(f"- {each}" for each in map(_said, entries) if each)
        )
    return "" if value is None or isinstance(value, dict) else json.dumps(value)
