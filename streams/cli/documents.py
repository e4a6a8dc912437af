"""`feed` and `index dump`: documents on their way in, and what is searchable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

import typer

from schemas.events import DocumentFed
from streams.app.settings import Settings
from streams.cli import verifying
from streams.cli.console import Tenant, open_codec, out, print_json, progress, settings

if TYPE_CHECKING:
    from streams.edge.documents import FeedReport

app = typer.Typer()
index_app = typer.Typer(help="The searchable set.", no_args_is_help=True)
SHOWN = 20
SOMETHING_SKIPPED = 1
index_app.command("verify")(verifying.verify)


@app.command()
def feed(
    paths: Annotated[list[str], typer.Argument(help="Folders, files, .jsonl files, or - .")],
    tenant: Tenant = "",
    bulk: Annotated[
        bool, typer.Option("--bulk", help="A load that nobody waits for: other changes go first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Feed documents and wait until they are searchable (exit code 1: some were not)."""
    chosen = settings()
    report, local = feed_paths(chosen, paths, tenant or chosen.default_tenant, bulk=bulk)
    rejected = [{"document": name, "reason": why} for name, why in report.rejected]
    if as_json:
        print_json(
            {
                "fed": report.fed,
                "searchable": report.searchable,
                "deleted": report.deleted,
                "superseded": report.superseded,
                "chunks": report.chunks,
                "types": dict(sorted(local.types.items())),
                "outcomes": dict(sorted(Counter(each.outcome for each in local.skipped).items())),
                "skipped": [
                    {"document": each.name, "reason": each.reason, "outcome": each.outcome}
                    for each in local.skipped
                ],
                "partly_read": [{"document": name, "unread": what} for name, what in local.partly],
                "told": [{"document": name, "note": note} for name, note in local.told],
                "rejected": rejected,
            }
        )
    else:
        _print_report(report, local)
    if local.skipped or rejected:
        raise typer.Exit(SOMETHING_SKIPPED)


class Left(Protocol):
    """Something found that was not fed."""

    @property
    def name(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def outcome(self) -> str: ...


@runtime_checkable
class Note(Protocol):
    """What whoever feeds should know of something that was fed."""

    @property
    def name(self) -> str: ...
    @property
    def note(self) -> str: ...


@dataclass(slots=True)
class Local:
    """What was seen on the way to the broker."""

    skipped: list[Left] = field(default_factory=list[Left])
    partly: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    types: Counter[str] = field(default_factory=Counter[str])


def feed_paths(
    chosen: Settings, paths: list[str], tenant: str, *, bulk: bool = False
) -> tuple[FeedReport, Local]:
    """Feed paths with a progress bar; returns the report, and what was left out of it and why."""
    from streams.app import opening
    from streams.edge.client import reader
    from streams.edge.documents import Feeder

    local = Local()
    bar = progress()
    with reader(chosen) as consumer, open_codec(chosen) as codec, bar:
        task = bar.add_task("searchable", total=None)

        def show(report: FeedReport) -> None:
            said = f"searchable; {report.waits_for}" if report.waits_for else "searchable"
            bar.update(task, description=said, completed=report.settled, total=report.fed or None)

        def found() -> Iterator[DocumentFed]:
            for each in opening.documents(chosen, paths, tenant):
                if isinstance(each, Note):
                    local.told.append((each.name, each.note))
                    continue
                if not isinstance(each, DocumentFed):
                    local.skipped.append(each)
                    continue
                if each.op == "upsert":
                    local.types[each.doc_type or "by name"] += 1
                if unread := each.metadata.get("unread"):
                    local.partly.append((each.doc_id, unread))
                yield each

        report = Feeder(chosen, codec, consumer, bulk=bulk).feed(found(), on_progress=show)
    return report, local


def _print_report(report: FeedReport, local: Local) -> None:
    said = f"{report.searchable:,} documents searchable in {report.chunks:,} chunks"
    if report.deleted:
        said += f", {report.deleted:,} deleted"
    if report.superseded:
        said += f", {report.superseded:,} superseded by newer versions"
    out.print(said)
    if len(local.types) > 1:
        out.print("  " + ", ".join(f"{n:,} {name}" for name, n in local.types.most_common()))
    by_outcome: dict[str, list[tuple[str, str]]] = {}
    for each in local.skipped:
        word = f"skipped, {each.outcome.replace('_', ' ')}"
        by_outcome.setdefault(word, []).append((each.name, each.reason))
    by_outcome |= {
        "rejected": report.rejected,
        "read in part": local.partly,
        "told": local.told,
    }
    for word, items in by_outcome.items():
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
    from streams.app import opening

    for line in opening.dump_index(settings(), tenant or None):
        print(line)
