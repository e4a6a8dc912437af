"""`check`: whether the versions of a release go together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from streams.cli.console import out, print_json, settings

app = typer.Typer()
MISMATCH = 1


@app.command()
def check(
    accept: Annotated[
        bool, typer.Option("--accept", help="Record new versions of policy files first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check that pinned versions agree with the policy files and with each other.

    Exit code 1: something does not go together; 2: a file is absent, or no worker could use it.
    """
    from streams.app import config, policies
    from streams.release import compatibility, versions

    chosen = settings()
    folder = chosen.policies or policies.SHIPPED
    config.load_policies(chosen)  # a file that no worker could use is no version of anything
    recorded, problems = compatibility.accept(folder) if accept else ([], [])
    if not problems:
        problems = compatibility.check(folder, versions.pins(), config.models())
    if as_json:
        print_json(
            {
                "ok": not problems,
                "pins": versions.pins(),
                "recorded": recorded,
                "problems": [asdict(each) for each in problems],
            }
        )
    else:
        for each in recorded:
            out.print(f"recorded {each}", markup=False)
        for each in problems:
            out.print(each.said, markup=False, soft_wrap=True)
        if not problems:
            out.print(
                ", ".join(f"{name} {version}" for name, version in versions.pins().items()),
                soft_wrap=True,
            )
    if problems:
        raise typer.Exit(MISMATCH)
