"""`render`: what a cluster is told of the flow, written or compared."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from streams.app.settings import load
from streams.cli.console import out

app = typer.Typer()
STALE = 1


@app.command()
def render(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1: a file is stale.")
    ] = False,
    to: Annotated[Path, typer.Option("--to", help="The folder to write.")] = Path("infra"),
) -> None:
    """Write what follows from the topology and the settings below `infra/`; prints what changed."""
    from streams.release.kubernetes import chart

    files = chart.rendered(load(), version("millrace"))
    if not check:
        for name in chart.write(to, files):
            out.print(f"{to / name}", markup=False)
        return
    found = chart.stale(to, files)
    for name in found:
        out.print(f"{to / name} is stale: run `millrace render` and commit it", markup=False)
    if found:
        raise typer.Exit(STALE)
