"""`cdc map|apply|status|snapshot|prune`: databases whose changes become documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from streams.cli.console import open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.flow.masking import masked

if TYPE_CHECKING:
    from streams.app.capturing import Captured, Checked

MARKER = 1  # of a transaction, which counts as a record to read

app = typer.Typer(help="Change capture: databases and their connectors.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Sources = Annotated[list[str], typer.Argument(help="As the policy names them.")]
Databases = Annotated[
    list[str] | None, typer.Argument(help="As the policy names them. None: all of them.")
]


@app.command("map")
def map_tables(
    database: Annotated[str, typer.Argument(help="None: all of the policy.")] = "",
    table: Annotated[str, typer.Argument(help="Of that database: propose a mapping for it.")] = "",
    as_json: Json = False,
) -> None:
    """Hold the mappings of policies/connectors.yaml against the live tables (exit code 1: wrong).

    With a database and a table, write a mapping to begin with.
    """
    import yaml

    from streams.app import capturing

    chosen = settings()
    found = capturing.followed(chosen, [database] if database else ())
    if table:
        said = capturing.first_mapping(chosen, found[0], table)
        name = table.rpartition(".")[2].lower().replace("_", "-")
        print(yaml.safe_dump({"debezium": {name: said}}, sort_keys=False), end="")
        return
    checks = [check for each in found for check in capturing.checked(chosen, each)]
    if as_json:
        print_json([_check_json(check) for check in checks])
    else:
        _show_checks(checks)
    if any(check.faults for check in checks):
        raise typer.Exit(1)


@app.command()
def apply(
    databases: Databases = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only write what each connector would be told.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Where the database cannot be read from here.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Begin as if for the first time: after a lost slot.")
    ] = False,
) -> None:
    """Put each database's connector to Kafka Connect, and wait until it runs."""
    from streams.app import capturing
    from streams.edge import signals

    chosen = settings()
    found = capturing.followed(chosen, databases or ())
    if dry_run:
        print_json({name: told for each in found for name, told in each.connectors(chosen).items()})
        return
    for each in found:
        if not unchecked:
            for check in capturing.checked(chosen, each):
                if check.faults:
                    raise UserError(f"mapping {check.source.name}: {check.faults[0]}")
        for known in (each.database, each.database.of_outbox()):
            signals.ensure(chosen, known.signals)
        capturing.apply(chosen, each, again=again)
        for name, told in each.connectors(chosen).items():
            tables = told.get("table.include.list") or told.get("collection.include.list", "")
            out.print(f"{name} runs: {tables}", markup=False)


@app.command()
def status(databases: Databases = None, as_json: Json = False) -> None:
    """Show connectors, replication slots and what is yet to be read (exit code 1: a fault)."""
    from streams.app import capturing
    from streams.cli.operations import lags

    chosen = settings()
    found = [
        standing
        for each in capturing.followed(chosen, databases or ())
        for standing in capturing.standings(chosen, each)
    ]
    lag = {each["name"]: each["lag"] for each in lags(chosen)}
    if as_json:
        print_json([_captured_json(each, lag) for each in found])
    else:
        _show_captured(found, lag)
    if any(each.faults for each in found):
        raise typer.Exit(1)


@app.command()
def snapshot(names: Sources) -> None:
    """Have tables read again while changes go on, such as for a changed mapping."""
    from streams.app import capturing
    from streams.edge import signals

    chosen = settings()
    for each in capturing.named(chosen, names):
        signals.snapshot(chosen, each.database.signals, each.database.name, each.tables)
        out.print(f"asked {each.database.connector} for {', '.join(each.tables)}", markup=False)


@app.command()
def prune(names: Sources) -> None:
    """Delete the documents of rows that are no more: after a truncate, or a lost slot."""
    from streams.app import capturing
    from streams.cli.operations import lags
    from streams.edge import pruning

    chosen = settings()
    behind = {each["name"]: each["lag"] for each in lags(chosen)}
    with open_codec(chosen) as codec:
        for each, source in capturing.each_named(chosen, names):
            unread = behind.get(f"ingest.{source.name}", 0)
            if unread > MARKER:
                raise UserError(
                    f"ingest.{source.name} has {unread:,} records to read, which may be of rows "
                    "that are no more: try again when it has read them"
                )
            at, rows = capturing.rows_of(chosen, each, source)
            tenant = source.tenant if isinstance(source.tenant, str) else None
            report = pruning.pruned(chosen, codec, tenant, source.prefix, rows, at)
            said = f"{source.name}: {len(rows):,} rows, {report.deleted:,} documents deleted"
            out.print(said, markup=False)


def _check_json(check: Checked) -> dict[str, Any]:
    return {
        "source": check.source.name,
        "table": check.source.table,
        "columns": dict(check.columns),
        "checked": check.live,
        "faults": list(check.faults),
        "notes": list(check.notes),
    }


def _show_checks(checks: list[Checked]) -> None:
    for check in checks:
        source = check.source
        where = f"{source.database} {source.table}"
        live = "" if check.live else " (not held against the table: only PostgreSQL is read)"
        out.print(f"{source.name}: {where}{live}", markup=False)
        for name, columns in check.columns.items():
            out.print(f"  {name}: {columns}", markup=False)
        for said in check.notes:
            out.print(f"  note: {said}", markup=False, soft_wrap=True)
        for said in check.faults:
            out.print(f"  wrong: {said}", markup=False, soft_wrap=True)


def _captured_json(each: Captured, lag: dict[str, int]) -> dict[str, Any]:
    connector, slot = each.connector, each.slot
    return {
        "database": each.database.name,
        "connector": None if connector is None else connector.state,
        "tasks": [] if connector is None else list(connector.tasks),
        "slot": None if slot is None else each.database.slot,
        "slot_active": slot is not None and slot.active,
        "behind_bytes": None if slot is None else slot.behind,
        "lag": {source.name: lag.get(f"ingest.{source.name}", 0) for source in each.sources},
        "faults": [masked(said) for said in each.faults],
    }


def _show_captured(found: list[Captured], lag: dict[str, int]) -> None:
    table = Table("database", "connector", "tasks", "slot", "log behind", "lag", box=None)
    for each in found:
        row = _captured_json(each, lag)
        behind = row["behind_bytes"]
        table.add_row(
            row["database"],
            row["connector"] or "none",
            ", ".join(row["tasks"]) or "none",
            row["slot"] or "none",
            "" if behind is None else f"{behind:,} bytes",
            ", ".join(f"{name} {records:,}" for name, records in row["lag"].items()),
        )
    out.print(table)
    for each in found:
        for said in each.faults:
            out.print(f"wrong: {masked(said)}", markup=False, soft_wrap=True)
