"""`weights`: which weights of models are loaded, and whether the manifest has them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from streams.app.settings import load
from streams.cli.console import out, print_json
from streams.flow.errors import UserError

app = typer.Typer()
OTHERS = 1


@app.command()
def weights(
    accept: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: record what this file or folder holds, under this name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Hold the models' weights against the manifest of the policies, `weights.json`.

    Exit code 1: some are others than the manifest has; no worker would load them.
    """
    from streams.app import weights as held

    chosen = load()
    for each in accept or ():
        name, _, path = each.partition("=")
        if not name or not path:
            raise UserError(f"--accept takes NAME=PATH, such as reader=reader.npz, not '{each}'")
        target = held.accept(chosen, name, Path(path))
        out.print(f"recorded {name} in {target}: sign it anew, if it was signed", markup=False)
    if accept:
        return
    manifest, found = held.in_use(chosen)
    others = [each for each in found if each.digest != each.allowed]
    if as_json:
        print_json(
            {
                "manifest": str(manifest.path),
                "signed": manifest.signed,
                "weights": [asdict(each) | {"path": str(each.path)} for each in found],
            }
        )
    else:
        by = "by the key that is configured" if manifest.signed else "by nobody that is asked for"
        out.print(f"{manifest.path}, signed {by}", markup=False, soft_wrap=True)
        for each in found:
            said = "as there" if each not in others else "NOT as there"
            out.print(f"{each.digest[:12]}  {each.name}  {said}", markup=False, soft_wrap=True)
    if others:
        raise typer.Exit(OTHERS)
