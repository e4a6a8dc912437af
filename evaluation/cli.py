"""`millrace bench`: the measurements."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measurements, each against its limit in the same run.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measurements, each against its limit in the same run."""
