"""`policy test`: whether the policy decides its cases as they say."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.console import out, print_json, settings

app = typer.Typer(help="What may be asked, searched for and shown.", no_args_is_help=True)
WRONG = 1


@app.callback()
def _policy() -> None:
    """What may be asked, searched for and shown."""


@app.command("test")
def policy_test(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Ask the policy its cases, `authz/cases.yaml` of the policies folder.

    Exit code 1: a case is decided otherwise; 2: the policy or its cases cannot be used.
    """
    from streams.app.guarding import cases

    count, wrong = cases(settings())
    if as_json:
        print_json({"cases": count, "wrong": wrong})
    else:
        for each in wrong:
            out.print(each, markup=False, soft_wrap=True)
        out.print(f"{count} cases, {len(wrong)} decided otherwise", markup=False)
    if wrong:
        raise typer.Exit(WRONG)
