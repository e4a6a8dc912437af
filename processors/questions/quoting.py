"""What of a passage can be quoted, and how it reads in an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processors.questions.evidence import keys_of
from processors.text.furniture import is_furniture
from processors.text.values import absent
from schemas.events import Candidate

_MARKER = re.compile(r"\s*(?:>\s*)*(?:[-*+•‣◦▪]|\d{1,3}[.)]|\(?[a-z\d]{1,3}\))\s+")
_DELIMITER = re.compile(r"[\s|:\-]*-[\s|:\-]*\Z")
_CELLS = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"#{1,6}\s|[^\n]*\n[ \t]*(?:=+|-+)[ \t]*\Z")
_OPENING_FENCE = re.compile(r"(?:`{3,}|~{3,}|-{3,}(?=\s*\n))[^\n]*\n")
_CLOSING_RULE = re.compile(r"\n\s*(?:[-*_=]{3,}|`{3,}|~{3,})\s*\Z")
_QUOTED = re.compile(r"\s*(?:>\s*)+")
_MARKED = re.compile(r"[*_`\\]|\[\^")
_FOOTMARK = re.compile(r"\[\^[^\]\s]{1,12}\]:?")
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?=[^\s*_])([^*_\n]+)(?<=\S)\1(?![\w*_])")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|>~-])")
_ENDED = (".", "!", "?", "…", "。", "！", "？", ":", ";")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that may be quoted, `text[start:end]` of candidate number `rank`."""

    rank: int
    start: int
    end: int
    cosine: float
    near: frozenset[str]  # keys of what it stands under
    header: Sequence[str] | None  # of the table it is a row of

    def reads(self, text: str) -> str:
        """As it reads in an answer; empty where nothing of it does."""
        sentence = text[self.start : self.end]
        if self.header is None:
            return _readable(sentence)
        return _row(self.header, _cells(sentence))


def sentences(rank: int, candidate: Candidate) -> Iterator[Sentence]:
    """What can be quoted of a candidate. A heading or a table's header says what is below it."""
    text, flat = candidate.text, candidate.sentences
    above = keys_of(candidate.title, candidate.heading)
    under = intro = frozenset[str]()
    header: list[str] | None = None
    for start, end, cosine in zip(flat[::2], flat[1::2], candidate.sentence_scores, strict=False):
        sentence = text[start:end]
        if _HEADING.match(sentence):
            under, intro, header = keys_of(sentence), frozenset[str](), None
            continue
        first, _, rest = sentence.partition("\n")
        if "|" in first and rest and _DELIMITER.match(rest):
            header = _cells(first)
            continue
        if is_furniture(sentence):
            continue
        near = above | under | intro
        if sentence.startswith("|") or (header and "|" in sentence):
            row: Sequence[str] | None = header or ()
            near |= keys_of(*row)
        else:
            header = row = None
            if sentence.endswith(":"):
                intro = keys_of(sentence)
            elif not _MARKER.match(sentence):
                intro = frozenset[str]()
        yield Sentence(rank, start, end, cosine, near, row)


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|").removesuffix("|")
    return [_unmarked(cell) for cell in _CELLS.split(inner)]


def _row(header: Sequence[str], cells: Sequence[str]) -> str:
    """A row with the names of its columns, or with its first cell as the name of the others.

    What stands for no value says nothing.
    """
    names = [*header, *[""] * len(cells)]
    first, *rest = [*zip(names, cells, strict=False)] or [("", "")]
    pairs = [f"{name}: {cell}" if name else cell for name, cell in rest if not absent(cell)]
    label = f"{first[0]}: {first[1]}" if first[0] and first[1] else first[1]
    if not rest or not label:
        return "; ".join(filter(None, [label, *pairs]))
    if not pairs:
        return ""
    named = any(header[1:])
    return f"{label}{'; ' if first[0] else ' – ' if named else ': '}{'; '.join(pairs)}"  # noqa: RUF001


def _readable(sentence: str) -> str:
    """One line without marks of lists, quotes, emphasis, footnotes, fences and rules."""
    for leading in (_OPENING_FENCE, _QUOTED, _MARKER):
        if found := leading.match(sentence):
            sentence = sentence[found.end() :]
    return _unmarked(_CLOSING_RULE.sub("", sentence))


def _unmarked(sentence: str) -> str:
    """One line without marks of emphasis and footnotes; a list's mark in a cell is a number."""
    sentence = sentence.replace("**", "")
    if _MARKED.search(sentence):
        sentence = _EMPHASIS.sub(r"\2", _FOOTMARK.sub("", sentence))
        sentence = _ESCAPED.sub(r"\1", sentence.replace("`", ""))
    return " ".join(sentence.split())


def joined(quotes: Sequence[str]) -> str:
    """Quotes one after the other, each with an end."""
    return " ".join(s if s.rstrip("\"'”’)").endswith(_ENDED) else f"{s}." for s in quotes)  # noqa: RUF001
