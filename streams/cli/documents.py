"""`feed` and `index dump`: documents on their way in, and what is searchable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.events import DocumentFed
from streams.cli.console import err, open_codec, out, print_json, settings
from streams.settings import Settings

app = typer.Typer()
index_app = typer.Typer(help="The searchable set.", no_args_is_help=True)
SHOWN = 20
SOMETHING_SKIPPED = 1


@app.command()
def feed(
    paths: Annotated[list[str], typer.Argument(help="Folders, files, .jsonl files, or - .")],
    tenant: Annotated[str, typer.Option(help="Whose documents.")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Feed documents and wait until they are searchable (exit code 1: some were not)."""
    report, skipped = feed_paths(settings(), paths, tenant)
    rejected = [{"document": name, "reason": why} for name, why in report.rejected]
    if as_json:
        print_json(
            {
                "fed": report.fed,
                "searchable": report.searchable,
                "deleted": report.deleted,
                "superseded": report.superseded,
                "chunks": report.chunks,
                "skipped": [{"document": name, "reason": why} for name, why in skipped],
                "rejected": rejected,
            }
        )
    else:
        _print_report(report, skipped)
    if skipped or rejected:
        raise typer.Exit(SOMETHING_SKIPPED)


def feed_paths(chosen: Settings, paths: list[str], tenant: str):
    """Feed paths with a progress bar; returns the report and what was skipped, with reasons."""
    from streams import wiring
    from streams.client import Feeder, FeedReport, reader

    skipped: list[tuple[str, str]] = []
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=not err.is_terminal,
        disable=not err.is_terminal,
    )
    with reader(chosen) as consumer, open_codec(chosen) as codec, bar:
        task = bar.add_task("searchable", total=None)

        def show(report: FeedReport) -> None:
            bar.update(task, completed=report.settled, total=report.fed or None)

        def found() -> Iterator[DocumentFed]:
            for each in wiring.documents(chosen, paths, tenant):
                if isinstance(each, DocumentFed):
                    yield each
                else:
                    skipped.append((each.name, each.reason))

        report = Feeder(chosen, codec, consumer).feed(found(), on_progress=show)
    return report, skipped


def _print_report(report: object, skipped: list[tuple[str, str]]) -> None:
    from streams.client import FeedReport

    assert isinstance(report, FeedReport)
    said = f"{report.searchable:,} documents searchable in {report.chunks:,} chunks"
    if report.deleted:
        said += f", {report.deleted:,} deleted"
    if report.superseded:
        said += f", {report.superseded:,} superseded by newer versions"
    out.print(said)
    for word, items in (("skipped", skipped), ("rejected", report.rejected)):
        if items:
            out.print(f"{len(items):,} {word}:")
            for name, why in items[:SHOWN]:
                out.print(f"  {name}: {why}", markup=False)
            if len(items) > SHOWN:
                out.print(f"  and {len(items) - SHOWN:,} more (all with --json)")


@index_app.command("dump")
def dump(
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
) -> None:
    """Write what is searchable now as JSON lines."""
    from streams import wiring

    for line in wiring.dump_index(settings(), tenant or None):
        print(line)
