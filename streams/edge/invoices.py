"""A provider's invoice, a CSV, held against the calls on rag.usage by day and model."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from schemas.events import UsageRecorded
from schemas.money import NANOS
from streams.edge.costs import day_of, told_apart
from streams.flow.errors import UserError

# What providers call each column; `--column OURS=THEIRS` names others.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "day": ("day", "date", "usage_date", "usage_date_utc", "start_time_iso", "timestamp"),
    "model": ("model", "model_name", "model_version", "snapshot_id", "line_item"),
    "input_tokens": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "cached_tokens": ("cached_tokens", "input_cached_tokens", "usage_input_tokens_cache_read"),
    "output_tokens": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
    "cost": ("cost", "amount", "amount_value", "cost_usd", "total_cost"),
}
NEEDED = ("day", "model")
COUNTED = ("input_tokens", "cached_tokens", "output_tokens", "cost")
# 1234.5, 1,234.50, -$5, 1.2e-05; not 0,50, which is fifty to those who write commas for thousands.
_AMOUNT = re.compile(
    r"([-+]?)[$€£]?((?:\d{1,3}(?:,\d{3}){1,6}|\d{1,18}|(?=\.\d))(?:\.\d{0,18})?(?:[eE]-?\d{1,2})?)",
    re.ASCII,
)
_SECONDS, _MILLISECONDS = 10, 13  # digits of a time since the epoch


@dataclass(slots=True)
class Line:
    """What is said of one model on one day; None of what the invoice has no column for."""

    said: dict[str, int | None] = field(default_factory=dict[str, "int | None"])

    def add(self, amounts: Mapping[str, int | None]) -> None:
        for name, amount in amounts.items():
            before = self.said.get(name, 0)
            self.said[name] = None if amount is None or before is None else before + amount


Lines = dict[tuple[str, str], Line]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where invoice and events say otherwise; money in billionths."""

    day: str
    model: str
    what: str
    invoice: int
    events: int


def invoice(path: Path, named: Mapping[str, str], models: Mapping[str, str]) -> Lines:
    """The lines of a file; `named` are its columns, `models` what we call its models.

    Raises:
        UserError: it cannot be read; the message names the line or the column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = _columns(path, reader.fieldnames or [], named)
            found: Lines = {}
            for row in reader:
                day, model, amounts = _read(path, reader.line_num, row, columns)
                found.setdefault((day, models.get(model, model)), Line()).add(amounts)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV in UTF-8: {error}") from None
    if not found:
        raise UserError(f"{path} has no lines")
    return found


def differences(lines: Lines, events: Iterable[UsageRecorded]) -> list[Difference]:
    """Of each day and model of the invoice's days, whatever the two say otherwise.

    A call counts once, however often its event came.
    """
    days = {day for day, _ in lines}
    ours: Lines = {}
    for event, repeated in told_apart(events):
        if (day := day_of(event.at)) in days and not repeated:
            used = event.used
            ours.setdefault((day, used.model), Line()).add({
                "input_tokens": used.input_tokens,
                "cached_tokens": used.cached_tokens,
                "output_tokens": used.output_tokens,
                "cost": used.cost_nanos or 0,
            })  # fmt: skip
    told = {name for line in lines.values() for name, at in line.said.items() if at is not None}
    found: list[Difference] = []
    for day, model in sorted({*lines, *ours}):
        theirs, own = lines.get((day, model), Line()), ours.get((day, model), Line())
        if (day, model) not in lines and not any(own.said.values()):
            continue  # what runs here is on nobody's invoice
        for name in (name for name in COUNTED if name in told):
            one, other = theirs.said.get(name, 0) or 0, own.said.get(name, 0) or 0
            if one != other:
                found.append(Difference(day, model, name, one, other))
    return found


def _columns(path: Path, there: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    known = {name.strip().lower(): name for name in there}
    found: dict[str, str] = {}
    for ours, theirs in named.items():
        if ours not in COLUMNS:
            raise UserError(f"--column names '{ours}'; it must be one of {', '.join(COLUMNS)}")
        if theirs.lower() not in known:
            raise UserError(f"{path} has no column '{theirs}'; it has {', '.join(there)}")
        found[ours] = known[theirs.lower()]
    for ours, candidates in COLUMNS.items():
        name = next((known[each] for each in candidates if each in known), None)
        if name is not None:
            found.setdefault(ours, name)
    if missing := [name for name in NEEDED if name not in found]:
        raise UserError(
            f"{path} has no column for {' and '.join(missing)}; it has {', '.join(there)}: "
            f"say which, such as --column {missing[0]}=NAME"
        )
    if not any(name in found for name in COUNTED):
        raise UserError(f"{path} has neither tokens nor a cost; it has {', '.join(there)}")
    return found


def _read(
    path: Path, number: int, row: Mapping[str, str | None], columns: Mapping[str, str]
) -> tuple[str, str, dict[str, int | None]]:
    def wrong(name: str, like: str) -> UserError:
        said = f"'{row.get(columns[name])}' is no {name}"
        return UserError(f"{path}, line {number}: {said}: write it like {like}")

    try:
        day = _day((row.get(columns["day"]) or "").strip())
    except (ValueError, OverflowError, OSError):
        raise wrong("day", "2026-05-04") from None
    amounts: dict[str, int | None] = {}
    for name in COUNTED:
        if name not in columns:
            amounts[name] = None
            continue
        said = _AMOUNT.fullmatch((row.get(columns[name]) or "").strip() or "0")
        if said is None:
            raise wrong(name, "1234.56")
        exact = Decimal(said[1] + said[2].replace(",", "")) * (NANOS if name == "cost" else 1)
        amounts[name] = int(exact.to_integral_value())
    return day, (row.get(columns["model"]) or "").strip(), amounts


def _day(said: str) -> str:
    """The day, UTC, of a date, a time, or a number of (milli)seconds since the epoch."""
    if said.isdecimal() and len(said) in (_SECONDS, _MILLISECONDS):
        return day_of(int(said) * (1000 if len(said) == _SECONDS else 1))
    if len(said) <= len("2026-05-04"):
        return date.fromisoformat(said).isoformat()
    at = datetime.fromisoformat(said)
    return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()
