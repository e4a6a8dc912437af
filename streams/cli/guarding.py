"""`policy test|diff|replay`: what a policy decides, and what another would decide otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import open_codec, out, print_json, settings

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


@app.command("diff")
def policy_diff(
    one: Annotated[Path, typer.Argument(help="A policies folder.")],
    other: Annotated[Path, typer.Argument(help="Another.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Ask both about every tenant, role, limit and kind of data that either names.

    Exit code 1: they differ; 2: one of them cannot be used.
    """
    from streams.app.guarding import differences

    count, found = differences(one, other)
    if as_json:
        print_json({"decisions": count, "differences": found})
    else:
        for each in found:
            out.print(each, markup=False, soft_wrap=True)
        out.print(f"{count} decisions, {len(found)} differ", markup=False)
    if found:
        raise typer.Exit(WRONG)


@app.command("replay")
def policy_replay(
    folder: Annotated[Path, typer.Option("--candidate", help="A policies folder.")],
    since: Annotated[str, typer.Option(help="A time, or a span before now.")] = "1d",
    tenant: Annotated[str, typer.Option(help="Only this one's questions.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Ask a candidate policy the questions that were closed, and tell what it would have changed.

    Of the trail (`rag.closed`) alone; nothing is written. Exit code 2: it cannot be used.
    """
    from streams.app.guarding import candidate
    from streams.edge import replaying
    from streams.edge.client import reader
    from streams.edge.moments import moment
    from streams.runtime.processing import now_ms

    chosen, otherwise = settings(), candidate(folder)
    begin = moment(since, now_ms())
    with open_codec(chosen) as codec, reader(chosen) as consumer:
        events = replaying.closed(consumer, codec, begin, tenant)
        found = replaying.replayed(events, otherwise)
    if as_json:
        changed = {"changed": dict(found.changed), "examples": found.examples}
        print_json({"questions": found.questions, **changed})
        return
    for said, count in found.changed.most_common():
        names = ", ".join(found.examples[said])
        out.print(f"{count}: {said} ({names})", markup=False, soft_wrap=True)
    total = sum(found.changed.values())
    out.print(f"{found.questions} questions, {total} otherwise", markup=False)
