"""Markdown as a reader sees it: without what is commented out, struck out or only marked up.

What comes out is Markdown still, with headings, lists, tables and code; code stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from typing import NamedTuple

from processors.text import raised
from processors.text.tables import laid_out, piped
from processors.text.ticks import TICKED, UNTICKED

# Without any of these there is nothing to do: most texts are told by one look.
_ANY = re.compile(
    r"[<|&^]|~|==|\]\(|^[ \t]*(?:[-*+]|\d+[.)]) \[[ xX]\]|\A---|^:[ \t]|^ {0,3}\[[^\^\]\n]+\]:",
    re.MULTILINE,
)
# Where something begins that is more than a line's marks. What closes it is looked for from there,
# and once where there is none, so that the time is linear whatever the text is.
_OPENS = re.compile(
    r"""(?P<code>^[ ]{0,3}(?P<fence>`{3,}(?=[^\n`]*$)|~{3,}))
      |(?P<comment><!--)
      |(?P<hidden><(?P<tag>div|p|span|section|td|li)\b
          [^<>]{0,400}?(?:\bhidden\b|display:\s*none)[^<>]{0,400}>)
      |(?P<html><table\b)
      |(?P<contents>(?:^[ \t]*(?:[-*+]|\d+[.)])[ \t]+\[[^\]\n]{0,300}\]
          \(\#[^)\n]{0,300}\)[ \t]*(?:\n|\Z)){3,})
      |^(?P<term>[^\s|\#>:\-*][^\n|]{0,79})\n{1,2}:[ \t]+(?P<meaning>[^\n]+)$
      |(?P<table>^[^\n|]*\|[^\n]*\n[ \t]*(?=[^\n]*-)(?=[^\n]*\|)[|:\- \t]+(?:\n[^\n|]*\|[^\n]*)*$)
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_MOST_CELLS = 200_000  # of a table that is laid out anew
_INLINE = re.compile(
    r"""(?P<code>(?P<tick>`{1,3})(?!`)[^`\n]{1,400}(?P=tick)(?!`))
      |~~(?=[^\s~])(?P<struck>[^~\n]{1,1000})~~
      |==(?=[^\s=])(?P<marked>[^=\n]{1,400})(?<=[^\s=])==(?!=)
      |(?<=[^\W_])\^(?P<raised>[^\s^~]{1,8})\^|(?<=[A-Za-z])~(?P<lowered>[0-9a-z]{1,4})~(?!~)
      |<(?P<del>del|s|strike)>(?P<deleted>[^<]{0,1000})</(?P=del)>
      |<(?P<way>sup|sub)>(?P<moved>[^<]{1,60})</(?P=way)>
      |!\[(?P<alt>[^\[\]\n]{0,400})\]\([^()\n]{0,800}\)
      |(?<![A-Za-z0-9_\\])\[(?!\^|Picture:)(?P<link>(?:[^\[\]\n]|!\[[^\[\]\n]{0,400}\]\([^()\n]{0,800}\)){1,400})\]
          \((?P<to>[^()\s]{0,800}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?)(?:\s+"[^"\n]{0,200}")?\)
      |(?P<item>^[ \t]*(?:[-*+]|\d+[.)])[ ])\[(?P<box>[ xX])\](?=[ ])
      |(?P<break><br\s*/?>)
      |(?P<mark></?(?:a|abbr|b|big|body|center|cite|code|details|div|em|font|h[1-6]|html|i|ins|kbd
          |li|mark|ol|p|q|samp|section|small|span|strong|summary|tt|u|ul|var|wbr)(?:\s+[\w:-]{1,40}\s*=\s*(?:"[^"<>]{0,400}"|'[^'<>]{0,400}'|[^\s<>"']{1,200})){0,9}
          (?:\s+open)?\s*/?>)
      |(?P<picture><img\b[^<>]{0,800}>)
      |(?P<entity>&(?:[a-zA-Z]{2,10}|\#\d{1,6}|\#x[0-9a-fA-F]{1,6});)
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_ROWS = re.compile(r"<tr\b[^<>]*>(.*?)(?=<tr\b|</table)", re.IGNORECASE | re.DOTALL)
_HTML_CELLS = re.compile(
    r"<(t[dh])\b[^<>]*>(.*?)(?=</t[dh]|<t[dh]\b|\Z)", re.IGNORECASE | re.DOTALL
)
_TAGS = re.compile(r"<[^<>]{0,400}>")
_CELLS = re.compile(r"(?<!\\)\|")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_FRONT = re.compile(r"---[ \t]*\r?\n(?P<said>(?:[^\r\n]{0,999}\r?\n){0,99}?)---[ \t]*(?=[\r\n]|\Z)")
_TITLE = re.compile(r"^title:[ \t]*(.{1,300}?)[ \t]*$", re.MULTILINE)
_DRAFT = re.compile(
    r"^(?:draft:[ \t]*(?:true|yes)|published:[ \t]*(?:false|no))[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
# Addresses of links that stand apart: [rules]: https://...
_ADDRESS = re.compile(
    r"^ {0,3}\[(?P<name>[^\^\[\]\n]{1,100})\]:[ \t]+\S[^\n]{0,800}\n?", re.MULTILINE
)
_BY_NAME = re.compile(r"\[(?P<text>[^\^\[\]\n]{1,400})\](?:\[(?P<name>[^\[\]\n]{0,100})\])?")
_GAPS = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_LINES = ("<p", "<div", "<li", "</p", "</div")
_ALT_WORDS = 3  # fewer name an icon or a logo
_LEFT_OUT = (
    ("comment", "comment left out", "comments left out"),
    ("hidden", "hidden part left out", "hidden parts left out"),
    ("struck", "place of struck text left out", "places of struck text left out"),
    ("picture", "picture not read", "pictures not read"),
)


class Tidied(NamedTuple):
    """Text as a reader sees it, what is left out of it, and what its front matter says."""

    text: str
    unread: tuple[str, ...] = ()
    title: str = ""
    draft: bool = False


def tidied(text: str) -> Tidied:
    """`text`, which is Markdown, as a reader sees it; the same once more gives the same."""
    if _ANY.search(text) is None:
        return Tidied(text)
    front = _FRONT.match(text)
    said = front["said"] if front else ""
    begin = front.end() if front else 0
    left: Counter[str] = Counter()
    text = text[:begin] + _with_links(text[begin:])
    parts = [text[:begin]]
    at = place = begin
    closers = _Closers(text)
    while found := _OPENS.search(text, place):
        end = closers.end_of(found)
        if end is None:
            place = found.end()
            continue
        parts.append(_inline(text[at : found.start()], left))
        parts.append(_block(found, text[found.start() : end], left))
        at = place = end
    parts.append(_inline(text[at:], left))
    made = "".join(parts)
    if left or made != text:
        made = raised.resolved(_GAPS.sub("\n\n", made) if left else made)
    title = _TITLE.search(said)
    return Tidied(
        made,
        tuple(
            f"{n:,} {one if n == 1 else many}" for key, one, many in _LEFT_OUT if (n := left[key])
        ),
        title[1].strip("\"'") if title else "",
        _DRAFT.search(said) is not None,
    )


def _with_links(text: str) -> str:
    """The text without addresses that stand apart, and with the words of links to them."""
    names = {found["name"].casefold() for found in _ADDRESS.finditer(text)}
    if not names:
        return text

    def said(found: re.Match[str]) -> str:
        known = (found["name"] or found["text"]).casefold() in names
        return found["text"] if known else found[0]

    return _BY_NAME.sub(said, _ADDRESS.sub("", text))


class _Closers:
    """Where what is open ends; a closer that is not there is looked for once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._none: set[str] = set()

    def end_of(self, found: re.Match[str]) -> int | None:
        """The end of what begins here; None where nothing closes it."""
        if found["code"]:
            fence = found["fence"]
            mark = rf"^[ ]{{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*$"
            closing = re.compile(mark, re.MULTILINE).search(self._text, found.end())
            return closing.end() if closing else len(self._text)
        if found["comment"]:
            return self._after("-->", found.end())
        if found["hidden"]:
            return self._after(f"</{found['tag'].lower()}>", found.end())
        return self._after("</table>", found.end()) if found["html"] else found.end()

    def _after(self, closer: str, place: int) -> int | None:
        if closer in self._none:
            return None
        closing = re.compile(re.escape(closer), re.IGNORECASE).search(self._text, place)
        if closing is None:
            self._none.add(closer)
            return None
        return closing.end()


def _block(found: re.Match[str], text: str, left: Counter[str]) -> str:
    if found["comment"]:
        left["comment"] += len(_WORDS.findall(text)) > 1
        return ""
    if found["hidden"]:
        left["hidden"] += 1
        return ""
    if found["html"]:
        return _html_table(text, left)
    if found["contents"]:
        return ""
    if found["meaning"]:  # of a definition list
        return f"{_inline(found['term'], left)}: {_inline(found['meaning'], left)}"
    return _table(_inline(text, left)) if found["table"] else text


def _inline(text: str, left: Counter[str]) -> str:
    def read(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        if found["struck"] or found["deleted"]:
            left["struck"] += 1
            return ""
        if found["moved"]:
            return (raised.up if found["way"].lower() == "sup" else raised.down)(found["moved"])
        if found["marked"]:
            return _inline(found["marked"], left)
        if found["raised"] or found["lowered"]:
            return raised.up(found["raised"]) if found["raised"] else raised.down(found["lowered"])
        if found["picture"]:
            left["picture"] += 1
            alt = _ALT.search(found["picture"])
            return _pictured(alt[1] or alt[2] or "") if alt else ""
        if found["alt"] is not None:
            left["picture"] += 1
            return _pictured(found["alt"])
        if found["link"]:
            return _linked(_inline(found["link"], left), found["to"])
        if found["box"]:
            return found["item"] + (UNTICKED if found["box"] == " " else TICKED)
        if found["break"]:
            return "  \n" if "|" not in _line(found) else " "
        if found["mark"]:
            return "\n" if found["mark"].lower().startswith(_LINES) else ""
        return unescape(found[0])

    return _INLINE.sub(read, text) if text else text


def _line(found: re.Match[str]) -> str:
    text = found.string
    return text[text.rfind("\n", 0, found.start()) + 1 : found.start()]


def _pictured(alt: str) -> str:
    return f"[Picture: {alt.strip()}]" if len(alt.split()) >= _ALT_WORDS else ""


def _linked(text: str, to: str) -> str:
    """A link's text; an address to write to or to call is said, too."""
    scheme, _, address = to.partition(":")
    said = scheme.lower() in ("mailto", "tel") and address.partition("?")[0]
    return f"{text} ({said})" if said and said not in text else text


def _table(text: str) -> str:
    """A pipe table with the header that it has; unchanged where that is its first row."""
    lines = text.split("\n")
    rows = [_cells(line) for at, line in enumerate(lines) if at != 1 and line.strip()]
    width = max(map(len, rows))
    if width * len(rows) > _MOST_CELLS:
        return text
    made = laid_out(rows)
    as_it_is = rows[0] + [""] * (width - len(rows[0]))
    beside = made.before or made.after
    if made.header == as_it_is and not beside and len(made.rows) == len(rows) - 1:
        return text
    blocks = [*made.before, piped(made.header, made.rows), *made.after]
    return "\n\n".join(block for block in blocks if block)


def _cells(line: str) -> list[str]:
    inner = line.strip()
    inner = inner.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELLS.split(inner)]


def _html_table(source: str, left: Counter[str]) -> str:
    rows: list[list[str]] = []
    headers = 0
    for row in _ROWS.findall(source):
        cells = _HTML_CELLS.findall(row)
        headers += (
            len(rows) == headers and bool(cells) and all(kind.lower() == "th" for kind, _ in cells)
        )
        rows.append([" ".join(_TAGS.sub("", _inline(said, left)).split()) for _, said in cells])
    if max(map(len, rows), default=0) * len(rows) > _MOST_CELLS:
        return "\n".join(" ".join(row) for row in rows)
    made = laid_out(rows, headers=headers or None)
    blocks = [*made.before, piped(made.header, made.rows), *made.after]
    return "\n\n" + "\n\n".join(block for block in blocks if block) + "\n\n"
