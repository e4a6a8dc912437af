"""Questions to evaluate with: the sample's, or JSON lines of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from evaluation.lines import BadLine, unusable
from evaluation.lines import read as read_lines

# Columns by the names of ours and of ragas' datasets, the first that says something in a line.
_NAMES = {"question": ("question", "user_input"), "reference": ("reference", "answer")}


@dataclass(frozen=True, slots=True)
class Item:
    """A question, and what a right answer says and cites as far as that is known."""

    id: str
    question: str
    tenant: str = "default"
    answerable: bool = True
    reference: str = ""
    sources: tuple[str, ...] = ()  # document ids, one of which a right answer cites
    contains: tuple[str, ...] = ()  # what a right answer says, without regard to case

    def is_right(self, status: str, answer: str, cited: list[str]) -> bool | None:
        """Whether an answer is right; None where nothing says what that would be."""
        if not self.answerable:
            return status == "abstained"
        if not self.contains and not self.sources:
            return None
        said = answer.casefold()
        return (
            status == "answered"
            and all(part.casefold() in said for part in self.contains)
            and (not self.sources or bool(set(self.sources) & set(cited)))
        )


def read(path: Path) -> tuple[list[Item], list[BadLine]]:
    """The questions of a file, and the lines that are none.

    A line has `question` (or `user_input`); optionally `reference` (or `answer`), without which
    the metrics of the context are unmeasured, and `id`, `tenant`, `answerable`, `sources`,
    `contains`. Other columns are not read: ragas' `reference_contexts` among them, since its
    metrics compare with the reference. Raises `UserError` if no line of the file can be used.
    """
    good, bad, seen = read_lines(path, _item)
    if not good:
        missing = [] if seen & {*_NAMES["question"]} else ["question (or user_input)"]
        raise unusable(path, bad, seen, missing)
    return good, bad


def _item(row: dict[str, Any], number: int) -> Item | str:
    """A line's question, or what is wrong with it."""
    values: dict[str, Any] = dict(row)
    for name, names in _NAMES.items():
        values[name] = next((row[n] for n in names if row.get(n) not in (None, "")), None)
    answerable = values.get("answerable", True)
    if not isinstance(answerable, bool):
        return "answerable is not true or false"
    texts: dict[str, str] = {}
    for name, default in (("question", ""), ("reference", ""), ("tenant", "default")):
        text = values.get(name)
        if text is not None and not isinstance(text, str):
            return f"{name} is not a text"
        texts[name] = text or default
    if not texts["question"].strip():
        return "has no question"
    lists: dict[str, tuple[str, ...]] = {}
    for name in ("sources", "contains"):
        parts = _parts(values.get(name))
        if parts is None:
            return f"{name} is not a list of texts"
        lists[name] = parts
    return Item(
        str(row.get("id") or number),
        texts["question"],
        texts["tenant"],
        answerable,
        texts["reference"],
        lists["sources"],
        lists["contains"],
    )


def _parts(value: object) -> tuple[str, ...] | None:
    """One text or a list of them; None if it is neither."""
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        return None
    parts = cast("list[object]", value)
    texts = [part for part in parts if isinstance(part, str)]
    return tuple(texts) if len(texts) == len(parts) else None
