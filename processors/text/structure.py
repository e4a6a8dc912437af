"""Blocks of a document: headings, paragraphs, list items, tables and code, by character offsets.

A line scanner rather than a Markdown parser: chunks are cut from the source text, so what counts is
where blocks begin and end, for any input and in linear time.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["heading", "paragraph", "item", "provision", "turn", "table", "code", "unbroken"]
"""What a run of lines is; some come from `processors/documents/strategies.py` alone.

"provision" is a numbered paragraph, "turn" what one speaker says, "unbroken" is text that is not
read as sentences.
"""


class Block(NamedTuple):
    """A run of lines of one kind: `text[start:end]`, no white space around it."""

    kind: Kind
    start: int
    end: int
    level: int = 0
    """Of what opens a section: a heading (1 to 6), a provision, a definition in code; else 0."""
    head: int = 0
    """Of a table with a header: the offset where its delimiter row ends, else 0."""
    title: str = ""
    """What the section that this opens is called in heading paths; "" gives it no name."""


# One match per line; `lastgroup` is its mark. Possessive quantifiers keep it linear whatever the
# line holds. A rule is tried before a bullet, since "- - -" is a rule.
_LINE = re.compile(
    r"""(?P<indent>[ \t\f\v]*+)
    (?:(?P<blank>(?=[\r\n]|\Z))
      |(?P<fence>`{3,}+(?=[^`\r\n]*+(?:[\r\n]|\Z))|~{3,}+)
      |(?P<heading>\#{1,6}+)(?=[ \t\r\n]|\Z)
      |(?P<rule>(?:={2,}+[ \t]*+|(?:-[ \t]*+){2,}+|(?:\*[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)
          (?=[\r\n]|\Z))
      |(?P<delimiter>(?=[^|\r\n]*+\|)(?=[^\-\r\n]*+-)[|:\- \t]++(?=[\r\n]|\Z))
      |(?P<row>\|)
      |(?P<bullet>(?:[-*+•‣◦▪]|[a-z][.)]|1[.)])(?=[ \t])|\([A-Za-z\d]{1,4}\))
      |(?P<number>\d{1,3}(?:\.\d{1,3}){0,5}[.)]?(?=[ \t]))
    )?
    [^\r\n]*+(?:\r\n|\r|\n|\Z)""",
    re.VERBOSE,
)
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(?:[^\r\n]{0,999}\r?\n){0,99}?---[ \t]*(?=[\r\n]|\Z)")


def heading_title(heading: str) -> str:
    """The words of a heading in one line: without marks, closing hashes or underline."""
    line = heading.splitlines()[0].lstrip("#").rstrip().rstrip("#")
    return " ".join(line.replace("**", "").replace("`", "").split())


def blocks(text: str, *, markdown: bool = True) -> list[Block]:
    """The blocks of `text` in order; together they hold every non-space character.

    With `markdown` False only blank lines and list items divide: in plain text a '#' or '|' at the
    start of a line means nothing. A rule (`---`) belongs to the block before it.
    """
    scan = _Scan(text)
    position = 0
    if markdown and (front := _FRONT_MATTER.match(text)):
        scan.add("code", 0, front.end())
        position = front.end()
    while position < len(text):
        line = _LINE.match(text, position)
        assert line is not None
        if line.lastgroup == "blank":
            scan.close()
            scan.after_blank = True
            position = line.end()
            continue
        position = scan.markdown(line) if markdown else scan.plain(line)
        scan.after_blank = False
    scan.close()
    return scan.blocks


class _Scan:
    """The blocks so far and the open one, as lines come in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.blocks: list[Block] = []
        self.after_blank = True
        self.in_list = False
        self.kind: Kind = "paragraph"  # of the open block
        self.start = -1  # of the open block; -1: none is open
        self.end = 0
        self.last_line = 0  # where the open block's last line begins
        self.head = 0

    def add(self, kind: Kind, start: int, end: int, level: int = 0, head: int = 0) -> None:
        content = self.text[start:end]
        if stripped := content.rstrip():
            title = heading_title(stripped) if kind == "heading" else ""
            self.blocks.append(Block(kind, start, start + len(stripped), level, head, title))

    def close(self) -> None:
        if self.start >= 0:
            self.add(self.kind, self.start, self.end, 0, self.head)
        self.start, self.head = -1, 0

    def open(self, kind: Kind, start: int, end: int) -> None:
        self.close()
        self.kind, self.start, self.end, self.last_line = kind, start, end, start

    def extend(self, kind: Kind, start: int, end: int) -> None:
        """One more line of the open block, or the first of a new one of this kind."""
        if self.start < 0:
            self.open(kind, start, end)
        else:
            self.end, self.last_line = end, start

    def plain(self, line: re.Match[str]) -> int:
        mark, start, end = line.lastgroup, line.end("indent"), line.end()
        if mark == "bullet" or (mark == "number" and (self.start < 0 or self.kind == "item")):
            self.open("item", start, end)
        else:
            self.extend("paragraph", start, end)
        return end

    def markdown(self, line: re.Match[str]) -> int:
        """Take one line that is not blank; returns where the next begins."""
        mark, start, end = line.lastgroup, line.end("indent"), line.end()
        indent = start - line.start()
        if self.start >= 0 and self.kind == "table" and mark not in ("row", "delimiter"):
            if mark in ("indent", "number") and "|" in line[0]:  # a row without outer pipes
                self.extend("table", start, end)
                return end
            self.close()
        match mark:
            case "fence":
                return self._fence(line)
            case "heading" if indent <= 3:
                self.close()
                self.in_list = False
                self.add("heading", start, end, level=line.end("heading") - start)
            case "rule":
                self._rule(start, end)
            case "delimiter":
                self._delimiter(start, end)
            case "row":
                if self.start >= 0 and self.kind == "table":
                    self.extend("table", start, end)
                else:
                    self.open("table", start, end)
            case _:
                self._prose(mark, indent, start, end)
        return end

    def _prose(self, mark: str | None, indent: int, start: int, end: int) -> None:
        code = self.start >= 0 and self.kind == "code"
        wide = indent >= 4 or "\t" in self.text[start - indent : start]
        if wide and not self.in_list and (code or self.after_blank):  # indented code
            self.extend("code", start, end)
            return
        if code:
            self.close()
        fresh = self.start < 0 or self.kind == "item"
        if mark == "bullet" or (mark == "number" and fresh):
            self.in_list = True
            self.open("item", start, end)
            return
        if indent == 0 and self.after_blank:
            self.in_list = False
        self.extend("paragraph", start, end)

    def _fence(self, line: re.Match[str]) -> int:
        """A fenced block runs to its closing fence, or to the end where that is missing."""
        self.close()
        fence = line["fence"]
        mark = rf"^[ \t]*+{fence[0]}{{{len(fence)},}}[ \t]*+(?=[\r\n]|\Z)"
        closing = re.compile(mark, re.MULTILINE)
        found = closing.search(self.text, line.end())
        end = found.end() if found else len(self.text)
        self.add("code", line.end("indent"), end)
        return end

    def _rule(self, start: int, end: int) -> None:
        """An underlined one-line paragraph is a heading; any other rule ends what it follows."""
        mark = self.text[start]
        if self.start == self.last_line and self.kind == "paragraph" and mark in "=-":
            opened, self.start = self.start, -1
            self.add("heading", opened, end, level=1 if mark == "=" else 2)
        elif self.start >= 0:
            self.extend(self.kind, start, end)
        elif self.blocks:
            ended = start + len(self.text[start:end].rstrip())
            self.blocks[-1] = self.blocks[-1]._replace(end=ended)
        else:
            self.extend("paragraph", start, end)

    def _delimiter(self, start: int, end: int) -> None:
        """The row under a table's header: the line before it becomes the header."""
        header = self.last_line
        if self.start < 0 or "|" not in self.text[header:start]:
            self._prose("indent", 0, start, end)
        elif self.kind == "table" and header != self.start:
            self.extend("table", start, end)
        else:
            self.end = header
            if self.start == header:  # nothing but the header was open
                self.start = -1
            self.open("table", header, end)
            self.head = start + len(self.text[start:end].rstrip())
            self.last_line = start
