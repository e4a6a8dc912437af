"""Lines of a PDF as headings, paragraphs and lists, and paragraphs that go on over a page's end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.converters import markdown
from connectors.converters.hyphens import Spellings
from connectors.converters.pdf_lines import Line, Page, near
from connectors.converters.pdf_points import numbered
from processors.text import raised
from processors.text.furniture import of_contents

HEADING_CHARS = 200
_BULLET = re.compile("^[•‣◦▪●○■\u2013·*\x7f\uf0b7-]\\s+")
_NUMBER = re.compile(
    r"^(?:\(?(?:[A-Za-z]|\d{1,3}[a-z]?|[ivxl]{2,5}|[IVXL]{2,5})[.)]|\d{1,3}(?:\.\d{1,3}){1,5}\.?)\s+\S"
)
# "303.13 EUR." at the start of a line is no number of a provision.
_VALUE = re.compile(r"^\d[\d.,]*\s(?:%|[$€£¥]|[A-Z]{3}\b|(?:per ?cent|euros?|dollars?|pounds?)\b)")
_NOTE = 0.92  # of the body's size: a footnote, where it ends the page
_ENDED = re.compile(r"[.!?:;…][\"')\]”’»“]*(?:\ue0f0[^\ue0f2]*\ue0f2)?\Z")  # noqa: RUF001
_GOES_ON = re.compile(
    r"(?:,|\b(?:the|a|an|of|to|in|on|at|by|for|from|with|and|or|as|is|are|der|die|das|dem|den|des"
    r"|und|oder|von|mit|für|zu|im|in|bei|le|la|les|de|des|du|et|ou|pour|par|avec))\Z",
    re.IGNORECASE,
)
_FEWEST_WORDS = 4


@dataclass(slots=True)
class Block:
    """A heading, paragraph, list, table or footnote as Markdown."""

    kind: Literal["heading", "text", "list", "table", "note"]
    text: str


def blocks_of(page: Page, sizes: dict[float, int], body: float) -> list[Block]:
    """The blocks of a page; `sizes` has the heading level of each size of letters above `body`."""
    out: list[Block] = []
    tables = [
        (table.box[3], markdown.table(table.rows, across=table.across)) for table in page.tables
    ]
    last: Line | None = None
    last_level = 0
    edge = 0.0  # where the marks of the list stand
    contents = of_contents([line.text for line in page.lines])
    points = numbered(page.lines)
    for number, line in enumerate(page.lines):
        if number in contents:
            continue
        while tables and line.top <= tables[0][0] and (last is None or last.top > tables[0][0]):
            out.append(Block("table", tables.pop(0)[1]))
            last = None
        text = " ".join(line.text.split())
        level = sizes.get(round(line.size), 0) if len(text) <= HEADING_CHARS else 0
        beside = last is not None and near(last, line) and not text.startswith(raised.MARK)
        bullet = _BULLET.match(text)
        if bullet or number in points:
            text = f"- {text[bullet.end() :]}" if bullet else points[number]
            edge = line.left
            if out and out[-1].kind == "list":
                out[-1].text += f"\n{text}"
            else:
                out.append(Block("list", text))
        elif level:
            if beside and last_level == level:
                out[-1].text += f" {text}"
            else:
                out.append(Block("heading", markdown.heading(level, text)))
        elif (
            beside
            and not last_level
            and out[-1].kind != "table"
            and not (
                out[-1].kind == "list" and line.left <= edge + 1 and _ENDED.search(out[-1].text)
            )
            and not (last is not None and last.cells == line.cells > 1)  # rows of a table
            and _goes_on(out[-1].text, text)
        ):
            out[-1].text = page.spellings.joined(out[-1].text, text)
        else:
            out.append(Block("note" if 0 < line.size < _NOTE * body else "text", text))
        last, last_level = line, level
    out.extend(Block("table", text) for _, text in tables)
    return out


def _goes_on(before: str, line: str) -> bool:
    """Whether a line is of the paragraph before it, and no numbered one of its own."""
    if not _NUMBER.match(line):
        return True
    return not _ENDED.search(before) and (
        _GOES_ON.search(before) is not None or _VALUE.match(line) is not None
    )


def in_one(blocks: Sequence[list[Block]], spellings: Spellings) -> str:
    """The body: form feeds between pages, within a paragraph where one goes on."""
    body = ""
    for number, page in enumerate(blocks):
        if number + 1 < len(blocks) and (at := _broken_off(page, blocks[number + 1])) is not None:
            page.append(page.pop(at))  # below its page's footnotes
        texts = [block.text.replace("\f", "\n").strip("\n") for block in page]
        if not number:
            body = "\n\n".join(texts)
        elif _broken_off(blocks[number - 1], page) is not None:
            body = spellings.joined(body, texts[0], over="\f")
            body = "\n\n".join([body, *texts[1:]])
        else:
            body += markdown.PAGE_BREAK + "\n\n".join(texts)
    return body


def _broken_off(page: Sequence[Block], following: Sequence[Block]) -> int | None:
    """Which block of a page goes on with the first one of the following page, if any does."""
    at = next((i for i in range(len(page) - 1, -1, -1) if page[i].kind != "note"), None)
    if at is None or not following or following[0].kind != "text":
        return None
    text, rest = page[at].text, following[0].text
    if page[at].kind not in ("text", "list") or _ENDED.search(text) or _NUMBER.match(rest):
        return None
    last = text.rsplit("\n", 1)[-1]
    if len(last.split()) < _FEWEST_WORDS:
        return None
    begins = rest[:1].islower() or rest[:1].isdigit() or rest[:1] in "($€£"
    return at if begins or _GOES_ON.search(text) or text.endswith(("-", "\u00ad")) else None
