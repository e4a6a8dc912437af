"""How documents of each form fall into blocks: one pure function a strategy, all in one table.

A strategy says where a text may be cut best and what its sections are called; packing to the token
budget is the same for all. One that does not recognise its form gives None, and the next in the
list of the document's type is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from processors.documents import packing
from processors.text.sentences import SHORT_LINE
from processors.text.structure import Block, blocks

Blocks = Callable[[str], list[Block] | None]


class Strategy(NamedTuple):
    """A way to find blocks. Raise `revision` when it finds others: `reindex` then re-chunks."""

    blocks: Blocks
    revision: int = 1


def structure(text: str) -> list[Block]:
    """Markdown: headings, paragraphs, list items, tables, fenced code."""
    return blocks(text)


def prose(text: str) -> list[Block]:
    """Paragraphs and list items; no sign at the start of a line means anything."""
    return blocks(text, markdown=False)


def fixed(text: str) -> list[Block]:
    """One block without sentences, cut wherever the budget ends: the last resort."""
    stripped = text.strip()
    start = text.find(stripped)
    return [Block("unbroken", start, start + len(stripped))] if stripped else []


# A provision's number at the start of a line: 8.2.1, 8.2.1A, § 12, Article 5(2), Rule 3.2.
_PROVISION = re.compile(
    r"""^[ \t\f>*_]*+(?P<label>
      (?:(?P<major>(?i:part|chapter|title|annex|schedule|appendix))
        |(?i:article|section|rule|regulation|clause)|§{1,2})
        [ \t]*(?:\d{1,4}[A-Z]?(?:\.\d{1,3}[A-Z]?)*+(?:\(\w{1,4}\))*+|[IVXLC]{1,7}\b|[A-Z]\b)
      |(?P<number>\d{1,3}(?:\.\d{1,3}[A-Z]?){1,6}))
    [.:)]?[*_]*+(?=\s|\Z)""",
    re.VERBOSE | re.MULTILINE,
)
_FEWEST_PROVISIONS = 3
_TITLE_CHARS = 100
# Below Markdown's six levels of headings.
_MAJOR, _MINOR, _NUMBERED = 7, 8, 8


def provisions(text: str) -> list[Block] | None:
    """Numbered paragraphs, as of rules and regulations: each is a section called by its number.

    "8.2.1 The firm must ..." stands under 8.2 where that has a line of its own, and a line with
    nothing but a number and a title is a heading. What is no provision is read as Markdown.
    """
    found: list[Block] = []
    labels: list[tuple[int, ...]] = []
    for block in _rejoined(text, blocks(text)):
        prose = block.kind in ("paragraph", "item")
        numbers = _PROVISION.finditer(text, block.start, block.end) if prose else ()
        starts = [match for match in numbers if _begins(text, block, match)]
        if not starts:
            found.append(block)
            continue
        found += _trimmed(text, block._replace(end=starts[0].start()))
        ends = [*(match.start() for match in starts[1:]), block.end]
        for match, end in zip(starts, ends, strict=True):
            found += _trimmed(text, _provision(text, match, end))
            labels.append(tuple(map(int, re.findall(r"\d+", match["label"]))))
    ascending = sum(a < b for a, b in pairwise(labels))
    if len(labels) < _FEWEST_PROVISIONS or 3 * ascending < 2 * (len(labels) - 1):
        return None
    return found


def _rejoined(text: str, found: Sequence[Block]) -> list[Block]:
    """The blocks, but a wrapped line that happens to begin with a number is no item of its own."""
    joined: list[Block] = []
    for block in found:
        above = joined[-1] if joined else None
        if above and block.kind == "item" and above.kind in ("paragraph", "item"):
            line = text[above.start : above.end].rsplit("\n", 1)[-1]
            wrapped = len(line) >= SHORT_LINE and line[-1] not in ".;:"
            gap = text[above.end : block.start]
            if wrapped and gap.count("\n") < 2 and _PROVISION.match(text, block.start, block.end):
                joined[-1] = above._replace(end=block.end)
                continue
        joined.append(block)
    return joined


def _begins(text: str, block: Block, match: re.Match[str]) -> bool:
    """Whether a number at the start of a line opens a provision, and is not wrapped text."""
    before = text[max(block.start, match.start() - 9) : match.start()].rstrip()
    return match.start() == block.start or before.endswith((".", ";", ":"))


def _provision(text: str, match: re.Match[str], end: int) -> Block:
    label = " ".join(match["label"].split())
    level = _MAJOR if match["major"] else _MINOR
    if match["number"]:
        level = _NUMBERED + label.count(".")
    rest = text[match.end() : end].strip().strip("*_").strip()
    title = (
        "\n" not in rest and len(rest) <= _TITLE_CHARS and not rest.endswith((".", ";", ",", ":"))
    )
    if title:
        return Block("heading", match.start(), end, level, title=f"{label} {rest}".strip())
    return Block("provision", match.start(), end, level, title=label)


def _trimmed(text: str, block: Block) -> list[Block]:
    """The block without white space around it, or nothing."""
    part = text[block.start : block.end]
    start = block.start + len(part) - len(part.lstrip())
    end = block.start + len(part.rstrip())
    return [block._replace(start=start, end=end)] if start < end else []


_DELIMITERS = "\t;,|"
_LINE = re.compile(r"[^\r\n]+")
_LOOKED_AT = 6


def _lines(text: str) -> Iterator[re.Match[str]]:
    """The lines that are not blank."""
    return (match for match in _LINE.finditer(text) if not match.group().isspace())


def table(text: str) -> list[Block] | None:
    """Delimited lines, the first of which is the header that every chunk repeats."""
    lines = [match.group() for match in islice(_lines(text), _LOOKED_AT)]
    if len(lines) < 2 or lines[0].lstrip().startswith(("|", "#")):
        return None  # a Markdown table, or headings between tables: `structure` knows them
    if not any(min(line.count(d) for line in lines) for d in _DELIMITERS):
        return None
    head = next(_lines(text))
    return [Block("table", head.start(), len(text.rstrip()), head=head.end())]


# Words that only modify a definition, those that make one, and a C-like function's head.
_DEFINITION = re.compile(
    r"""(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub
        (?:\([\w: ]+\))?|unsafe|extern|inline|override|virtual|open|sealed|partial)\s+)*+
    (?:(?:def|class|function\*?|func|fn|fun|struct|enum|union|interface|trait|impl|module|namespace
        |type|record|object|protocol|procedure
        |create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|trigger))
        \s+(?:\([^)\n]*\)\s*)?(?P<named>[A-Za-z_$][\w.:$]*)
      |(?!(?:if|for|while|switch|else|catch|return|do|try|with|new|throw)\b)
        [A-Za-z_][\w<>\[\],.&*:~ \t]*?\b(?P<called>~?[A-Za-z_]\w*)\s*\([^;{}]*\)[^;{}()]*\{\s*\Z
      |(?:const|let|var)\s+(?P<bound>[A-Za-z_$][\w$]*)\s*=\s*(?:async\s*)?(?:function\b|\([^)\n]*\)\s*=>))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ATTACHED = re.compile(r"@|#|//|/\*|\*|--|;;")  # a decorator or comment above a definition
_CLOSING = re.compile(r"[)}\]{]|(?:end|else|elif|except|finally|catch|fi|done|esac)\b")
_LONGEST_HEAD = 240  # characters; a longer line is data
_DEEPEST = 3  # a definition within definitions within definitions has no section of its own


def code(text: str) -> list[Block]:
    """Source code: a section per definition, called by its name; blank lines are places to cut.

    Read by indentation and the words that define things in common languages, so that a file that
    does not parse is chunked like any other. Every line counts as a sentence.
    """
    found: list[Block] = []
    open_at: list[int] = []  # indentation of the definitions around this line
    attached = -1  # where the comments right above this line begin
    gap = True  # after a blank line
    for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text):
        line = match.group().rstrip()
        if not line.strip():
            gap, attached = True, -1
            continue
        content = line.lstrip()
        start = match.start() + len(line) - len(content)
        end = match.start() + len(line)
        indent = len(line[: len(line) - len(content)].expandtabs(4))
        closing = _CLOSING.match(content) is not None
        name = None
        if not closing and len(content) <= _LONGEST_HEAD:
            name = _DEFINITION.match(content)
        leaves = bool(open_at) and indent <= open_at[-1] and not closing
        if _ATTACHED.match(content) and name is None and (attached >= 0 or gap):
            attached = start if attached < 0 else attached
        if name is not None and len([at for at in open_at if at < indent]) < _DEEPEST:
            open_at = [at for at in open_at if at < indent]
            if attached >= 0 and found and found[-1].start >= attached:
                start, _ = attached, found.pop()
            title = (name["named"] or name["called"] or name["bound"]).rstrip(".:")
            found.append(Block("code", start, end, len(open_at) + 1, title=title))
            open_at.append(indent)
            attached = -1
        elif leaves:
            open_at = [at for at in open_at if at < indent]
            found.append(Block("code", start, end, len(open_at) + 1))
        elif gap or not found:
            found.append(Block("code", start, end))
        else:
            found[-1] = found[-1]._replace(end=end)
        if not _ATTACHED.match(content):
            attached = -1
        gap = False
    return found


_TURN = re.compile(
    r"""^[ \t\f>*_]*+(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?[\])]?[ \t]*[-\u2013]?[ \t]*)?
    (?P<who>[^\W\d_][\w.'\u2019-]{0,24}(?:[ ][\w.'\u2019-]{1,24}){0,3})
    (?:[ ]?\([^)\n]{1,40}\))?[*_]*+:[*_]*+(?=\s)""",
    re.VERBOSE | re.MULTILINE,
)
_FEWEST_TURNS = 4


def dialogue(text: str) -> list[Block] | None:
    """Turns of speakers ("Name: ..."), whole where they fit; a question goes with its answer."""
    turns = [*_TURN.finditer(text)]
    speakers = Counter(match["who"].casefold() for match in turns)
    again = sum(count for count in speakers.values() if count > 1)
    lines = sum(1 for _ in _lines(text))
    if len([c for c in speakers.values() if c > 1]) < 2 or again < _FEWEST_TURNS:
        return None
    if 4 * again < 3 * len(turns) or 4 * len(turns) < lines:  # "Note: ..." in prose, or a form
        return None
    found = prose(text[: turns[0].start()])
    ends = [*(match.start() for match in turns[1:]), len(text)]
    for match, end in zip(turns, ends, strict=True):
        found += _trimmed(text, Block("turn", match.start(), end))
    return found


STRATEGIES: Mapping[str, Strategy] = {
    "structure": Strategy(structure),
    "provisions": Strategy(provisions),
    "table": Strategy(table),
    "code": Strategy(code),
    "dialogue": Strategy(dialogue),
    "prose": Strategy(prose),
    "fixed": Strategy(fixed),
}


def blocks_of(text: str, names: Sequence[str]) -> list[Block]:
    """The blocks by the first of these strategies that recognises the text, else by sentences."""
    for name in names:
        found = STRATEGIES[name].blocks(text)
        if found is not None:
            return found
    return prose(text)


def revisions(names: Sequence[str]) -> tuple[int, ...]:
    """What the code of these strategies and of packing is at, for the hash of a configuration."""
    return (packing.REVISION, *(STRATEGIES[name].revision for name in names))
