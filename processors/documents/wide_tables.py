"""Tables whose header leaves no room for their rows, as tables of fewer columns each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from processors.ports import TokenCounter
from processors.text.structure import Block

_CELLS = re.compile(r"(?<!\\)\|")
_LINES = re.compile(r"\r\n?|\n")  # a cell may hold what Unicode takes for others
_OUTER = re.compile(r"^\||(?<!\\)\|$")
_RULE = " --- |"


def narrowed(
    text: str, found: Sequence[Block], budgets: Mapping[int, int], counter: TokenCounter
) -> tuple[str, list[Block]]:
    """`text` and its blocks with the tables at the keys of `budgets` divided by columns.

    A table's header and its longest row fit the tokens of its budget then, as far as single columns
    do. Each of the new tables begins with the first column, so that a value is found with the name
    of its row. A table with a longer text in its first row has no names there, and stays as it is.
    """
    parts: list[str] = []
    blocks: list[Block] = []
    at = shift = 0
    for block in found:
        table = text[block.start : block.end]
        rows = _rows(table, block.head - block.start) if block.start in budgets else []
        if not (made := _tables(rows, budgets[block.start], counter) if rows else []):
            blocks.append(
                block._replace(
                    start=block.start + shift,
                    end=block.end + shift,
                    head=block.head + shift if block.head else 0,
                )
            )
            continue
        parts.append(text[at : block.start])
        start = block.start + shift
        for narrow, head in made:
            blocks.append(Block("table", start, start + len(narrow), head=start + head))
            start += len(narrow) + 2
        parts.append("\n\n".join(narrow for narrow, _ in made))
        at = block.end
        shift += len(parts[-1]) - len(table)
    return "".join([*parts, text[at:]]), blocks


def _rows(table: str, head: int) -> list[list[str]]:
    """The cells of a pipe table, all rows as long as the longest; nothing of any other table."""
    names, *rule = _LINES.split(table[:head])
    if not rule or "|" not in names:
        return []
    lines = [names, *(line for line in _LINES.split(table[head:]) if line.strip())]
    rows = [[cell.strip() for cell in _CELLS.split(_OUTER.sub("", line.strip()))] for line in lines]
    width = max(map(len, rows))
    return [row + [""] * (width - len(row)) for row in rows]


def _tables(rows: list[list[str]], budget: int, counter: TokenCounter) -> list[tuple[str, int]]:
    """The tables and where the header of each ends; none where a name is over a quarter."""
    width = len(rows[0])
    counts = iter(counter.count([f" {cell} |" for row in rows for cell in row]))
    tokens = [[next(counts) for _ in row] for row in rows]
    rule = counter.count([_RULE])[0]
    heads = [count + rule for count in tokens[0]]
    if max(heads) >= budget // 4:
        return []
    made: list[tuple[str, int]] = []
    longest = [max((row[at] for row in tokens[1:]), default=0) for at in range(width)]
    key = [0] if heads[0] + longest[0] <= budget // 4 else []
    group = list(key)
    written = set[int]()  # rows that some table has
    for at in range(len(key), width):
        wider = [*group, at]
        head = 1 + sum(heads[i] for i in wider)
        full = head + 1 + sum(longest[i] for i in wider)
        if len(group) > len(key) and (head > budget // 3 or full > budget):
            made.append(_written(rows, group, key, written))
            wider = [*key, at]
        group = wider
    return [*made, _written(rows, group, key, written)]


def _written(
    rows: list[list[str]], columns: list[int], key: list[int], written: set[int]
) -> tuple[str, int]:
    """A table of these columns; a row that says nothing in them is left out but for its first."""
    header = f"|{''.join(f' {rows[0][at]} |' for at in columns)}\n|{_RULE * len(columns)}"
    lines = [header]
    for number, row in enumerate(rows[1:]):
        said = any(row[at] for at in columns if at not in key)
        if said or (number not in written and any(row[at] for at in key)):
            written.add(number)
            lines.append(f"|{''.join(f' {row[at]} |' for at in columns)}")
    return "\n".join(lines), len(header)
