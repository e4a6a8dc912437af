"""`schemas register|check|diff|export`: the schemas of topics, for those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from streams.cli.console import out, print_json, settings

if TYPE_CHECKING:
    from streams.app.subjects import State, Subject

app = typer.Typer(help="The Avro schemas of the topics.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For scripts: a line for each subject.")]


def _subjects() -> list[Subject]:
    from streams.app.opening import stages
    from streams.app.subjects import subjects

    return subjects(stages(settings()))


@app.command()
def export(folder: Annotated[Path, typer.Argument(help="Made if it is missing.")]) -> None:
    """Write each topic's schema whole, in one file: what a reader in any language needs."""
    from streams.app.subjects import exported

    written = exported(folder, _subjects())
    out.print(f"{len(written) - 1} schemas and {written[-1].name} in {folder}", markup=False)


@app.command()
def register(as_json: Json = False) -> None:
    """Register every schema that is new, and have the registry keep readers whole (BACKWARD)."""
    from streams.app.subjects import registered, registry_of

    with registry_of(settings()) as registry:
        _show(registered(registry, _subjects()), as_json)


@app.command()
def check(as_json: Json = False) -> None:
    """Ask the registry whether today's schemas may follow its own (exit code 1: one may not)."""
    from streams.app.subjects import compared, registry_of

    with registry_of(settings()) as registry:
        states = compared(registry, _subjects())
    _show(states, as_json)
    if any(state.faults for state in states):
        raise typer.Exit(1)


@app.command()
def diff(
    folder: Annotated[
        Path | None, typer.Argument(help="What another release exported. None: the registry.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what changed since, field by field (exit code 1: something did)."""
    from streams.app.subjects import beside, compared, registry_of

    if folder is not None:
        states = beside(folder, _subjects())
    else:
        with registry_of(settings()) as registry:
            states = compared(registry, _subjects())
    changed = [state for state in states if state.changes]
    _show(changed, as_json)
    if changed:
        raise typer.Exit(1)
    if not as_json:
        out.print("nothing changed")


def _show(states: Sequence[State], as_json: bool) -> None:
    if as_json:
        for state in states:
            print_json(state.to_json())
        return
    if not states:
        return
    table = Table("subject", "event", "version", "changed", "may not be registered", box=None)
    for state in states:
        table.add_row(
            state.subject.name,
            state.subject.event,
            "" if state.version is None else str(state.version),
            escape("\n".join(state.changes)),
            escape("\n".join(state.faults)),
        )
    out.print(table)
