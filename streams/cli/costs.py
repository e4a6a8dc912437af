"""`cost`, `cost import`: what models cost, and whether the provider says the same."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from streams.cli.console import clock, open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.runtime.record import now_ms

if TYPE_CHECKING:
    from streams.edge.reconciling import Apart, Ledger, Reconciled

app = typer.Typer(help="What models cost.")
DIFFERENT = 1
ROUNDED = 1_000  # billionths: invoices are in cents or parts of them
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.callback(invoke_without_command=True)
def cost(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="Whose; unset: everybody's.")] = "",
    since: Annotated[str, typer.Option(help="From when on: 24h, 30d or 2026-05-04T10:30.")] = "30d",
    by: Annotated[str, typer.Option(help="operation, model, user, day or tenant.")] = "operation",
    as_json: Json = False,
) -> None:
    """Show what models cost, to the token, from the events on rag.usage.

    Windows, where `usage` keeps some, are held against them (exit code 1: they differ), and so is
    the ledger of budgets, which is ahead by the questions that are under way.
    """
    if context.invoked_subcommand is not None:
        return
    from streams.app.ledgers import in_ledger
    from streams.edge import costs, moments, reconciling
    from streams.edge.client import reader

    if by not in costs.BY:
        raise UserError(f"--by is '{by}'; it must be one of {', '.join(costs.BY)}")
    chosen, begin = settings(), moments.moment(since, now_ms())
    with reader(chosen) as consumer, open_codec(chosen) as codec:
        # Windows first: what is written meanwhile only waits for them.
        kept = reconciling.kept(chosen, consumer)
        calls = [*costs.recorded(consumer, codec, since=begin)]
    tenants = {each.event.tenant for each in calls} if not tenant else {tenant}
    entries = [e for e in in_ledger(chosen, tenants, now_ms()) if e.begins >= begin]
    ledger = reconciling.with_ledger(
        calls, [e for e in entries if not tenant or e.tenant == tenant]
    )
    own = (each.event for each in calls if not tenant or each.event.tenant == tenant)
    found = costs.added(own, costs.BY[by])
    compared = max(begin, reconciling.oldest(now_ms()))
    held = None if kept is None else reconciling.reconciled(calls, kept, compared)
    apart = [e for e in held.apart if not tenant or e.tenant == tenant] if held else []
    if as_json:
        windows = held and {
            "windows": held.windows,
            "waiting": held.waiting,
            "differences": [asdict(each) for each in apart],
        }
        of_ledger = [asdict(each) for each in ledger]
        print_json(_json(found, by, tenant, begin) | {"windows": windows, "ledger": of_ledger})
    else:
        _print(found, by)
        if held is not None:
            _print_windows(held, apart)
        _print_ledger(ledger)
    if apart:
        raise typer.Exit(DIFFERENT)


def _print_windows(held: Reconciled, apart: list[Apart]) -> None:
    for each in apart:
        name = f"{each.tenant}, {each.operation}, {each.model}, {clock(each.begin, '%Y-%m-%d')}"
        said = f"{each.what} is {each.window:,} in the window and {each.events:,} by events"
        out.print(f"{name}: {said}", markup=False)
    waiting = f"; {held.waiting:,} calls are in none yet" if held.waiting else ""
    out.print(f"{held.windows:,} windows of a day, {len(apart)} differences{waiting}", markup=False)


def _print_ledger(ledger: list[Ledger]) -> None:
    from schemas.money import spelled

    for each in ledger:
        since = clock(each.begins, "%Y-%m-%d %H:%M UTC")
        said = f"ledger of {each.tenant} since {since}: {spelled(each.settled)} settled"
        beside = f"{spelled(each.events)} by events"
        if each.settled == each.events:
            beside = "as the events say"
        more = [
            f"{what} {spelled(amount)}"
            for what, amount in (
                ("paid again for calls that were made again:", each.repeated),
                ("under way:", each.held),
                ("reserved by workers that never came back:", each.lapsed),
            )
            if amount
        ]
        out.print("; ".join([f"{said}, {beside}", *more]), markup=False)


def _json(found: Any, by: str, tenant: str, since: int) -> dict[str, Any]:
    return {
        "tenant": tenant or None,
        "since": since,
        "by": by,
        "rows": [{by: name} | asdict(each) for name, each in sorted(found.rows.items())],
        "total": asdict(found.total),
        "prices": sorted(found.prices),
        "repeated": found.repeated,
    }


def _print(found: Any, by: str) -> None:
    from schemas.money import spelled

    table = Table(by, "calls", "input", "cached", "output", "cost", "unpriced", box=None)
    for name, each in [*sorted(found.rows.items()), ("all", found.total)]:
        counts = (each.calls, each.input_tokens, each.cached_tokens, each.output_tokens)
        table.add_row(
            escape(name),  # of a user, as a tenant names it
            *(f"{count:,}" for count in counts),
            spelled(each.cost_nanos),
            f"{each.unpriced:,}" if each.unpriced else "",
        )
    out.print(table)
    if found.total.unpriced:
        said = "calls are of models that policies/prices.yaml did not list: their cost is unknown"
        out.print(f"[yellow]{found.total.unpriced:,} {said}[/yellow]")
    if found.repeated:
        out.print(f"[yellow]{found.repeated:,} records repeat a call and are not counted[/yellow]")


@app.command("import")
def import_invoice(
    file: Annotated[Path, typer.Argument(help="A provider's invoice as CSV.")],
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="OURS=THEIRS, of day, model, input_tokens, cached_tokens, output_tokens, cost."
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="THEIRS=OURS: what we call a model of theirs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold an invoice against the events by day and model (exit code 1: they differ)."""
    from schemas.money import spelled
    from streams.edge import costs, invoices
    from streams.edge.client import reader

    chosen = settings()
    lines = invoices.invoice(file, _pairs(column, "--column"), _pairs(model, "--model"))
    first = min(day for day, _ in lines)
    begin = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp() * 1000)
    with reader(chosen) as consumer, open_codec(chosen) as codec:
        events = costs.recorded(consumer, codec, since=begin)
        found = invoices.differences(lines, (each.event for each in events))
    # Providers round money, and not tokens.
    found = [e for e in found if e.what != "cost" or abs(e.invoice - e.events) > ROUNDED]
    if as_json:
        print_json({"lines": len(lines), "differences": [asdict(each) for each in found]})
    else:
        table = Table("day", "model", "what", "invoice", "events", "difference", box=None)
        for each in found:
            shown = spelled if each.what == "cost" else "{:,}".format
            amounts = (each.invoice, each.events, each.invoice - each.events)
            table.add_row(each.day, escape(each.model), each.what, *map(shown, amounts))
        if found:
            out.print(table)
        out.print(f"{len(lines)} lines, {len(found)} differences")
    if found:
        raise typer.Exit(DIFFERENT)


def _pairs(said: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in said or []:
        left, equals, right = each.partition("=")
        if not (left and equals and right):
            raise UserError(f"{option} is '{each}'; it must be NAME=NAME")
        found[left] = right
    return found
