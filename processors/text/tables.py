"""How a table is laid out: which rows are its header, what stands above it, below it and beside it.

Files give rows of cells. In what order a reader takes them in is not said there: two rows may name
the columns together, a line above is a title, the first column may be the only names there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from processors.text.values import kind_of

Rows = Sequence[Sequence[str]]
Spans = Collection[tuple[int, int]]
"""Cells, by row and column from 0, over which the one to their left goes on."""

_MOST_HEADERS = 4
_LOOKED_AT = 40  # rows, which tell what a table is
_UNIT = re.compile(
    r"""[\[(]?(?:in\s)?(?:%|‰|percent|per\scent|[A-Z]{3}|[€$£¥]|k?[€$£]|[kmMT]?(?:EUR|USD|GBP|CHF|NOK|SEK|DKK)
        |(?:thousand|million|thsd|tsd|mio|mrd|bn|m)\.?(?:\s(?:[A-Z]{3}|[€$£]|euros?|crowns))?
        |euros?|crowns|kronor|kroner|dollars|pounds|days?|months?|years?|weeks?|hours?|minutes?|min
        |Tage|Monate|Jahre|Stunden|Minuten|Stück|jours|mois|ans|heures|pcs|units?|number|no\.|\#
        |kg|g|t|km|m|cm|mm|m[²³23]|l|kWh|MWh|MW|kW|GB|MB|TB|ms|s|h|°C|bps?|p\.a\.)[\])]?""",
    re.VERBOSE,
)
_NOTE = re.compile(
    r"(?:[*†‡§¹²³⁴]|\[\^|\(?[1-9a-c]\)\s|(?:note|source|remark|hinweis|anmerkung|quelle|remarque"
    r"|nota)s?\b)",
    re.IGNORECASE,
)
_NOTE_CHARS = 60
_UNITS = ("unit", "einheit", "unité")
# What a first column of names has, as a fact sheet or the head of a form.
_ATTRIBUTE = re.compile(
    r"(?:.*\b)?(?:name|title|manager|owner|author|regulator|depositary|custodian|trustee|administrator"
    r"|auditor|issuer|provider|sponsor|chair(?:man|person)?|director|secretary|contact|phone|telephone"
    r"|e-?mail|fax|website|address|city|country|location|office|branch|department|language|currency"
    r"|status|version|type|category|class|form|domicile|purpose|subject|reference|number|code|isin|id"
    r"|date|from|until|to|by|on|of|period|term|deadline|hours|fee|charge|rate|limit|deposit|amount"
    r"|balance|strategy|benchmark|index|risk|format|capacity|size|colou?r|weight|material|approval"
    r"|anschrift|adresse|ort|land|inhaber|leiter|stand|währung|art|zweck|datum|frist|gebühr|betrag"
    r"|telefon|nummer|sprache|nom|titre|responsable|ville|pays|devise|langue|statut|durée|frais)"
    r"(?:\s?\(.*\))?",
    re.IGNORECASE,
)
_MOST_NAMED = 0.6  # share of names that tells one
# What a column of values is called when its table is no more than names and values.
_GENERIC = re.compile(
    r"(?:.*\b)?(?:values?|details?|descriptions?|information|data|answers?|settings?|amounts?|fees?"
    r"|charges?|prices?|costs?|limits?|rates?|dates?|notes?|meanings?|contents?|results?|terms?"
    r"|conditions?|comments?|period|status|wert|angaben?|beschreibung|betrag|gebühr|preis|kosten"
    r"|satz|datum|bedeutung|inhalt|valeurs?|détails?|montants?|frais|prix|taux|tarifs?)"
    r"(?:\s[\[(].*[\])]|\s\d{4})?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Table:
    """A table as it reads: every row as long as the header.

    A header of empty names says that the first column names what the others hold.
    """

    header: list[str]
    rows: list[list[str]]
    before: list[str] = field(default_factory=list[str])
    after: list[str] = field(default_factory=list[str])


def laid_out(
    rows: Rows, *, headers: int | None = None, across: Spans = (), unmarked: bool = False
) -> Table:
    """The table in `rows` of cells, any of which may be shorter than others or empty.

    `headers` is how many rows of names the file says there are; `unmarked`: it could have said so,
    and did not. Rows without any text are left out.
    """
    kept = [(at, [cell.strip() for cell in row]) for at, row in enumerate(rows) if _said(row)]
    if headers is not None:
        headers = sum(at < headers for at, _ in kept)
    width = max((_length(row) for _, row in kept), default=0)
    cells = [(row + [""] * (width - len(row)))[:width] for _, row in kept]
    places = {old: new for new, (old, _) in enumerate(kept)}
    spans = {(places[row], column) for row, column in across if row in places}
    before: list[str] = []
    if headers and headers > 1 and width > 1 and _single(cells[0]):
        before, cells, headers = [next(filter(None, cells[0]))], cells[1:], headers - 1
        spans = {(row - 1, column) for row, column in spans}
    alone = all(map(_single, cells[:_LOOKED_AT]))  # as what is no table, but set in cells
    while width > 1 and len(cells) > 1 and not alone and _single(cells[0]) and not headers:
        before.append(" ".join(filter(None, cells.pop(0))))
        spans = {(row - 1, column) for row, column in spans}
    after: list[str] = []
    while width > 1 and len(cells) > 2 and _single(cells[-1]) and is_note(cells[-1][0]):
        after.insert(0, cells.pop()[0])
    if headers is None:
        count = header_rows(cells[:_LOOKED_AT], unmarked=unmarked)
    else:
        count = min(headers, len(cells) - 1)
    names, body = cells[:count], cells[count:]
    if headers is not None and count == 1 and body and _are_units(body[0]) and len(body) > 1:
        names, body = cells[:2], cells[2:]
        count = 2
    for row, column in sorted(spans):
        if count <= row < len(cells) and 0 < column < width and not body[row - count][column]:
            body[row - count][column] = body[row - count][column - 1] if column > 1 else ""
    header = _names(names, width)
    return Table(header, list(_grouped(body, spans, count)), before, after)


def piped(header: Sequence[str], rows: Rows) -> str:
    """The lines of a pipe table; of a single cell its text, which is no table."""
    if not header or (len(header) == 1 and len(rows) + any(header) < 2):
        return " ".join([*header, *(cell for row in rows for cell in row)]).strip()
    lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (header, *rows)]
    lines.insert(1, "|" + " --- |" * len(header))
    return "\n".join(lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def header_rows(rows: Rows, *, unmarked: bool = False) -> int:
    """How many of the first rows name the columns, 0 where the first column does; at most 4.

    `rows` are of one length.
    """
    if len(rows) < 2:
        return 0 if rows and not (len(rows[0]) > 1 and _all_names(rows[0])) else len(rows)
    if _names_and_values(rows, unmarked) or _goes_on(rows):
        return 0
    count = 1
    while count < min(_MOST_HEADERS, len(rows) - 1) and _goes_below(rows, count):
        count += 1
    if count < len(rows) - 1 and _are_units(rows[count]):
        count += 1
    return count


def _all_names(row: Sequence[str]) -> bool:
    """Whether a row that stands alone is more like a header without rows than like a row."""
    return len(row) > 2 and all(cell and kind_of(cell) == "text" and len(cell) < 25 for cell in row)


def _names_and_values(rows: Rows, unmarked: bool) -> bool:
    """Whether this is a table of names in the first column and what they mean in the second."""
    used = [at for at in range(len(rows[0])) if any(row[at] for row in rows)]
    if len(used) != 2:
        return False
    names, values = ([row[at] for row in rows] for at in used)
    if not all(names) or any(kind_of(name) not in ("text", "") for name in names):
        return False
    if sum(name.rstrip("*").endswith(":") for name in names) > len(names) // 2:
        return True
    bold = [name.startswith("**") and name.endswith("**") for name in names]
    if all(bold) and not any(value.startswith("**") for value in values):
        return True
    first, *below = (kind_of(value) for value in values)
    if first == "year":
        return "text" in below or "year" in below
    if first not in ("text", ""):
        return True
    if _GENERIC.fullmatch(values[0].strip("* ")):
        return False
    named = sum(_ATTRIBUTE.fullmatch(name.strip("* :")) is not None for name in names)
    return unmarked or len({*below} - {"", "text"}) > 1 or named >= _MOST_NAMED * len(names)


def _goes_on(rows: Rows) -> bool:
    """Whether the first row is like those below it: values of their kind, under no names."""
    alike = False
    for at, cell in enumerate(rows[0]):
        below = [kind for row in rows[1:] if (kind := kind_of(row[at]))]
        kind = kind_of(cell)
        if at == 0 or not kind:
            continue
        if kind in ("text", "year"):
            if any(each not in ("text", "year") for each in below) or (kind == "year" and below):
                return False
        elif below and below.count(kind) * 2 > len(below):
            alike = True
    return alike


def _goes_below(rows: Rows, at: int) -> bool:
    """Whether row `at` goes on with the names of the row above it, which left some to it."""
    above, row = rows[at - 1], rows[at]
    if any(kind_of(cell) not in ("text", "year", "") for cell in row):
        return False
    left = [i for i, cell in enumerate(row) if cell and not above[i]]
    again = [i for i in range(1, len(row)) if row[i] and above[i] and above[i] == above[i - 1]]
    if not (left or again):
        return False
    # A row of names with nothing above its first cell; else one above values.
    opens = not row[0] or row[0] == above[0]
    named = [i for i in (*left, *again) if i]
    below = (kind_of(each[i]) for each in rows[at + 1 :] for i in named)
    return opens or any(kind not in ("text", "") for kind in below)


def _are_units(row: Sequence[str]) -> bool:
    first, *rest = row
    said = [cell for cell in rest if cell]
    if not said or not all(map(_UNIT.fullmatch, said)):
        return False
    return not first or bool(_UNIT.fullmatch(first)) or first.lower().startswith(_UNITS)


def _names(rows: Sequence[list[str]], width: int) -> list[str]:
    """One name a column, of what stands above it from the top down."""
    filled = [list(row) for row in rows]
    for number, row in enumerate(filled[:-1]):
        below = rows[number + 1 :]
        for at in range(1, width):
            ends = any(above[at] for above in rows[:number])
            ends = ends or (at == 1 and not any(each[0] for each in below))
            if not (row[at] or ends) and any(each[at] for each in below):
                row[at] = row[at - 1]
    made: list[str] = []
    for at in range(width):
        said = [text for text, _ in groupby(row[at] for row in filled if row[at])]
        measured = len(said) > 1 and _UNIT.fullmatch(said[-1]) and _are_units(rows[-1])
        unit = said.pop().strip("[]()") if measured else ""
        made.append(" ".join(said) + (f" ({unit})" if unit else ""))
    return made


def _grouped(body: Sequence[list[str]], spans: Spans, shift: int) -> Iterator[list[str]]:
    """The rows, each called by the group it stands in where a row over all columns names one."""
    group = ""
    for number, row in enumerate(body):
        over_all = all((number + shift, at) in spans for at in range(1, len(row)))
        if over_all and len(row) > 1 and row[0] and not any(row[1:]) and number < len(body) - 1:
            group = row[0].rstrip(":")
            continue
        yield [f"{group}, {row[0]}" if row[0] else group, *row[1:]] if group else row


def _said(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _length(row: Sequence[str]) -> int:
    return max(at + 1 for at, cell in enumerate(row) if cell)


def _single(row: Sequence[str]) -> bool:
    """Whether a row says one thing alone."""
    return len({cell for cell in row if cell}) == 1


def is_note(text: str) -> bool:
    """Whether what stands alone in a row is said of the table rather than in it."""
    return len(text) > _NOTE_CHARS or text.endswith(".") or _NOTE.match(text) is not None
