"""What of a passage can be quoted, and how it reads in an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from processors.questions.evidence import keys_of
from processors.text.furniture import is_furniture
from processors.text.values import absent
from schemas.events import Candidate

_MARKER = re.compile(
    r"\s*(?:>\s*)*(?:[-*+•‣◦▪]|\d{1,3}[.)]|\(?[a-z\d]{1,3}\))\s+"
    r"|\s*(?i:step|schritt|étape)\s+\d{1,2}\s*[.:)–—-]\s*(?=\S)"  # noqa: RUF001
)
_DELIMITER = re.compile(r"[\s|:\-]*-[\s|:\-]*\Z")
_CELLS = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"#{1,6}\s|[^\n]*\n[ \t]*(?:=+|-+)[ \t]*\Z")
_OPENING_FENCE = re.compile(r"(?:`{3,}|~{3,}|-{3,}(?=\s*\n))[^\n]*\n")
_CLOSING_RULE = re.compile(r"\n\s*(?:[-*_=]{3,}|`{3,}|~{3,})\s*\Z")
_QUOTED = re.compile(r"\s*(?:>\s*)+")
_ONLY_CELL = re.compile(r"\s*\|((?:\\\||[^|])*)\|\s*")
_MARKED = re.compile(r"[*_`\\]|\[\^")
_FOOTMARK = re.compile(r"\[\^[^\]\s]{1,12}\]:?")
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?=[^\s*_])([^*_\n]+)(?<=\S)\1(?![\w*_])")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|>~-])")
# What is asked on the page, as in "Q: ... A: ..." or a bold line: a heading of what follows it.
_ASKED = re.compile(
    r"[\s>#*_\d.)-]*(?:(?:Q|F|Frage|Question)\s*\d*\s*[:.)]\s*)?[^\n]{4,200}\?[*_\s]*\Z"
)
# A line that is bold as a whole and ends like no sentence.
_TITLE, _SHORT_TITLE = 3, 8  # words, at least of one in capitals, and at most of one below it
_BOLD = re.compile(r"(\*\*|__)[^*_\n]{2,60}(?<![.!;,])\1:?\s*\Z")
_ANSWER_MARK = re.compile(r"\s*(?:[-*]\s+)?\**(?:A|Answer|Antwort|Réponse)\s*\d*\s*[:.)]\**\s+")
OPENS = (":", "—", "–")  # noqa: RUF001 - what follows is what is meant
_ENDED = (".", "!", "?", "…", "。", "！", "？", ";", *OPENS)  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that may be quoted, `text[start:end]` of candidate number `rank`."""

    rank: int
    start: int
    end: int
    cosine: float
    near: frozenset[str]  # keys of what it stands under
    header: Sequence[str] | None  # of the table it is a row of
    headings: tuple[str, ...] = ()  # it stands under, the nearest last
    intro: tuple[int, int] | None = None  # the line that introduces it: "You need:"
    list_of: int = -1  # number of the list it is an item of, in its candidate
    blank: frozenset[str] = frozenset()  # keys of the columns in which it has nothing

    def reads(self, text: str) -> str:
        """As it reads in an answer; empty where nothing of it does."""
        sentence = text[self.start : self.end]
        if self.header is None:
            return readable(sentence)
        return row_reads(self.header, cells_of(sentence))


def sentences(rank: int, candidate: Candidate) -> Iterator[Sentence]:
    """What can be quoted of a candidate.

    A heading, a table's header or a question on the page says what is below it, and is no answer.
    """
    text, flat = candidate.text, candidate.sentences
    above = keys_of(candidate.title, candidate.heading)
    outer = tuple(filter(None, (candidate.title, *candidate.heading.split(" > "))))
    under = intro = frozenset[str]()
    heading: tuple[str, ...] = ()
    introduced: tuple[int, int] | None = None
    header: list[str] | None = None
    lists, inside, last = -1, False, 0
    for start, end, cosine in zip(flat[::2], flat[1::2], candidate.sentence_scores, strict=False):
        gap, last = text[last:start], end
        titles = _titles(text[start:end])
        if titles:
            under, intro, header = keys_of(text[start : start + titles]), frozenset[str](), None
            heading, introduced, inside = (text[start : start + titles].strip(),), None, False
            start += titles
        sentence = text[start:end]
        if not sentence:
            continue
        if _HEADING.match(sentence) or _ASKED.match(sentence) or _named_below(text, start, end):
            under, intro, header = keys_of(sentence), frozenset[str](), None
            heading, introduced, inside = (sentence,), None, False
            continue
        first, _, rest = sentence.partition("\n")
        if "|" in first and rest and _DELIMITER.match(rest):
            header, inside = cells_of(first), False
            continue
        if is_furniture(sentence):
            continue
        near = above | under | intro
        number, blank = -1, frozenset[str]()
        headings = (*outer, *heading)
        if sentence.startswith("|") or (header and "|" in sentence):
            row: Sequence[str] | None = header or ()
            cells = cells_of(sentence)
            if header and len(header) == len(cells) == 1:  # a list with its heading above
                lists += not inside
                inside, number, row = True, lists, None
                headings = (*headings, *header)
                near |= keys_of(*header)
            else:
                filled = [not absent(cell) for cell in cells]
                names = [*zip(row, filled, strict=False)]
                near |= keys_of(*(name for name, there in names if there))
                blank = keys_of(*(name for name, there in names if not there)) - near
                inside = False
        else:
            header = row = None
            if _MARKER.match(sentence):
                lists += not inside
                inside, number = True, lists
            elif inside and _goes_on(text, gap, start):
                number = lists
            else:
                inside = False
                opens = sentence.rstrip().endswith(OPENS)
                intro = keys_of(sentence) if opens else frozenset[str]()
                introduced = (start, end) if opens else None
        known = introduced if introduced and introduced[0] != start else None
        yield Sentence(rank, start, end, cosine, near, row, headings, known, number, blank)


def _titles(sentence: str) -> int:
    """How much of it are lines that stand above what it says, the first in capitals."""
    first, *rest = sentence.split("\n")
    if (
        not rest
        or rest[0][:1].islower()
        or not first.isupper()
        or len(first.split()) < _TITLE
        or first.endswith(_ENDED)
    ):
        return 0
    at = len(first) + 1
    for line, after in pairwise(rest):
        if line.rstrip().endswith(_ENDED) or not after[:1].isupper():
            return at
        at += len(line) + 1
    last = rest[-1]
    whole = len(last.split()) <= _SHORT_TITLE and not last.rstrip().endswith(_ENDED)
    return len(sentence) if whole else at


def _named_below(text: str, start: int, end: int) -> bool:
    """Whether it is a line in bold by itself, which names what stands below it."""
    alone = text[:start].rpartition("\n")[2].strip() == "" and text[end : end + 1] in ("\n", "\r")
    return alone and _BOLD.match(text[start:end]) is not None and bool(text[end:].strip())


def _goes_on(text: str, gap: str, start: int) -> bool:
    """Whether what begins there is still of the item before it: on its line, or indented.

    What is indented may stand apart, as a block of code does, or a paragraph.
    """
    if "\n" not in gap:
        return True
    line = text.rfind("\n", 0, start) + 1
    return start - line >= 2


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as a whole, `text[start:end]`, with the line that introduces it."""

    start: int
    end: int
    intro: tuple[int, int] | None
    items: tuple[Sentence, ...]

    def reads(self, text: str) -> str:
        """As it reads in an answer: a line an item, cut after `_MOST_ITEMS`."""
        lines = [readable(text[slice(*self.intro)])] if self.intro else []
        shown = [item for item in self.items if text[item.start : item.end].strip()]
        for item in shown[:_MOST_ITEMS]:
            raw = text[item.start : item.end]
            mark = _MARKER.match(raw)
            plain = readable(raw)
            if mark is None and lines and not _ONLY_CELL.fullmatch(raw):
                lines[-1] += f" {plain}"
            else:
                number = " ".join(mark[0].split()) if mark else ""
                counts = number[:-1].replace(" ", "").isalnum()
                lines.append(f"{number if counts else '-'} {plain}")
        if len(shown) > _MOST_ITEMS:
            lines.append(f"(and {len(shown) - _MOST_ITEMS} more)")
        return "\n".join(lines)


_MOST_ITEMS = 25


def marked(sentence: str) -> bool:
    """Whether it begins with the mark of a list's point, or is a row of one cell."""
    return _MARKER.match(sentence) is not None or _ONLY_CELL.fullmatch(sentence) is not None


def beneath(sentence: Sentence, listed: Listed, text: str) -> int:
    """Where what belongs to an item ends: after the items below it that are indented more."""
    own, end = _indent(text, sentence.start), sentence.end
    for item in listed.items:
        if item.start > sentence.start:
            new = "\n" in text[end : item.start]
            if new and _indent(text, item.start) <= own:
                break
            end = item.end
    return end


def _indent(text: str, start: int) -> int:
    return start - (text.rfind("\n", 0, start) + 1)


def lists(found: Iterable[Sentence], text: str) -> dict[int, Listed]:
    """The lists among what can be quoted of one candidate, by number."""
    items: dict[int, list[Sentence]] = {}
    for each in found:
        if each.list_of >= 0:
            items.setdefault(each.list_of, []).append(each)
    made: dict[int, Listed] = {}
    for number, some in items.items():
        intro = some[0].intro
        if intro and text[intro[1] : some[0].start].strip():
            intro = None  # something stands between
        start = intro[0] if intro else some[0].start
        made[number] = Listed(start, some[-1].end, intro, tuple(some))
    return made


def cells_of(row: str) -> list[str]:
    """The cells of a row of a table, as they read."""
    inner = row.strip().removeprefix("|").removesuffix("|")
    return [_unmarked(cell) for cell in _CELLS.split(inner)]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names of a second column that say nothing of what is in it.
_SAYS_NOTHING = _words("""
    value values detail details amount description figure figures info information setting limit
    data requirement answer fee rate betrag wert angabe details angaben valeur montant
""")


def row_reads(header: Sequence[str], cells: Sequence[str]) -> str:
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
    if len(pairs) == 1 and len(header) == 2 and header[1].casefold() in _SAYS_NOTHING:
        return f"{first[1]}: {rest[0][1]}"
    named = any(header[1:])
    return f"{label}{'; ' if first[0] else ' – ' if named else ': '}{'; '.join(pairs)}"  # noqa: RUF001


def readable(sentence: str) -> str:
    """One line without marks of lists, quotes, emphasis, footnotes, fences and rules."""
    for leading in (_OPENING_FENCE, _QUOTED, _MARKER, _ANSWER_MARK):
        if found := leading.match(sentence):
            sentence = sentence[found.end() :]
    sentence = _CLOSING_RULE.sub("", sentence)
    only = _ONLY_CELL.fullmatch(sentence)
    return _unmarked(only[1] if only else sentence)


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
