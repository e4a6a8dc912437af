"""`index verify`: is every store what the log says?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import open_codec, out, print_json, progress, settings

if TYPE_CHECKING:
    from streams.edge.reindex import Report
    from streams.edge.verify import Verified

SHOWN = 20
OTHERWISE = 1


def verify(
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Send what is wrong through the pipeline again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Compare each store behind the index with docs.changes, chunk by chunk.

    Missing: not there. Extra: of a document that is deleted, or that the log does not know. Stale:
    of another version, or another text. Documents on their way are left out. Exit code 1: something
    is otherwise, and was not repaired.
    """
    from streams.app import config, cutting, stores
    from streams.app.ports import IndexSettings
    from streams.edge import verify as module
    from streams.edge.reindex import Reindexer, Report

    chosen = settings()
    policy = config.chunking_policy(chosen)

    def searchable() -> Iterator[tuple[str, Iterator[Any]]]:
        for name in chosen.of(IndexSettings).stores:
            yield name, map(json.loads, stores.dump_of(name, chosen, tenant or None))

    bar = progress()
    with open_codec(chosen) as codec, ExitStack() as stack, bar:
        cut = cutting.cutter(chosen, stack)
        log = Reindexer(chosen, codec)
        found = module.verify(log, searchable, cut, tenant)
        report = Report(found.documents, len(found.concerned))
        if repair:
            task = bar.add_task("repaired", total=len(found.concerned))

            def show(report: Report) -> None:
                bar.update(task, completed=report.settled)

            report = module.repair(log, found, lambda kind: policy.of(kind).hash, show)
    _say(found, report, repaired=repair, as_json=as_json)
    if report.rejected or (found.concerned and not repair):
        raise typer.Exit(OTHERWISE)


def _say(found: Verified, report: Report, *, repaired: bool, as_json: bool) -> None:
    rejected = [{"document": name, "reason": why} for name, why in report.rejected]
    if as_json:
        print_json(
            {
                "documents": found.documents,
                "waiting": found.waiting,
                "stores": {
                    each.store: {
                        "chunks": each.chunks,
                        "missing": sum(each.missing.values()),
                        "extra": sum(each.extra.values()),
                        "stale": sum(each.stale.values()),
                    }
                    for each in found.stores
                },
                "concerned": sorted(found.concerned),
                "repaired": report.rechunked + report.superseded if repaired else 0,
                "rejected": rejected,
            }
        )
        return
    out.print(
        f"{found.documents:,} documents in the log"
        + (f", {found.waiting:,} of them on their way or rejected" if found.waiting else "")
    )
    for each in found.stores:
        out.print(
            f"{each.store}: {each.chunks:,} chunks; {sum(each.missing.values()):,} missing, "
            f"{sum(each.extra.values()):,} extra, {sum(each.stale.values()):,} stale"
        )
    for key in sorted(found.concerned)[:SHOWN]:
        out.print(f"  {key}", markup=False)
    if len(found.concerned) > SHOWN:
        out.print(f"  and {len(found.concerned) - SHOWN:,} more (all with --json)")
    if repaired:
        out.print(f"{report.rechunked + report.superseded:,} repaired")
        for name, why in report.rejected:
            out.print(f"  {name}: {why}", markup=False)
    elif found.concerned:
        out.print("`millrace index verify --repair` sends them through the pipeline again")
