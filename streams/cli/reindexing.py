"""`reindex`: chunk again what is not chunked as the policy says."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streams.cli.console import open_codec, out, print_json, progress, settings

app = typer.Typer()
SHOWN = 20
SOMETHING_REJECTED = 1


@app.command()
def reindex(
    tenant: Annotated[str, typer.Option(help="Only this tenant's documents.")] = "",
    doc_type: Annotated[str, typer.Option(help="Only documents of this type.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is concerned.")] = False,
    scan: Annotated[
        bool,
        typer.Option(
            "--scan",
            help="Compare all texts with what the index holds: after an index lost documents, or "
            "to try again what was rejected.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Chunk again, while questions go on, what policies/chunking.yaml now cuts differently.

    Chunks whose text stays the same cost no embedding. An interrupted run is continued by running
    it again. Exit code 1: some documents could not be chunked.
    """
    from streams.app import config, opening
    from streams.edge import concerned
    from streams.edge import reindex as module

    chosen = settings()
    policy = config.chunking_policy(chosen)

    def hash_of(kind: str) -> str:
        return policy.of(kind).hash

    def searchable() -> dict[str, set[concerned.Chunked]]:
        found: dict[str, set[concerned.Chunked]] = {}
        for line in opening.dump_index(chosen, tenant or None):
            chunk = json.loads(line)
            stamp = chunk["doc_version"], chunk["doc_sequence"]
            name = f"{chunk['tenant']}/{chunk['doc_id']}"
            found.setdefault(name, set()).add((chunk["chunking"], stamp))
        return found

    bar = progress()
    with open_codec(chosen) as codec, bar:
        task = bar.add_task("chunked again", total=None)
        reindexer = module.Reindexer(chosen, codec)
        only = {"tenant": tenant, "doc_type": doc_type}
        if scan:
            found = reindexer.compare(searchable(), hash_of, **only)
        else:
            found = reindexer.plan(hash_of, **only)

        def show(report: module.Report) -> None:
            bar.update(task, completed=report.settled, total=report.concerned)

        report = module.Report(found.documents, len(found.concerned))
        if not dry_run:
            report = reindexer.run(found, hash_of, access=scan, on_progress=show)
    if as_json:
        print_json(
            {
                "version": policy.version,
                "documents": report.documents,
                "concerned": report.concerned,
                "rechunked": report.rechunked,
                "superseded": report.superseded,
                "chunks": report.chunks,
                "rejected": [{"document": name, "reason": why} for name, why in report.rejected],
            }
        )
    else:
        out.print(
            f"{report.concerned:,} of {report.documents:,} documents are not chunked as "
            f"{policy.version} says; {report.rechunked:,} chunked again in {report.chunks:,} chunks"
            + (f", {report.superseded:,} superseded meanwhile" if report.superseded else ""),
            soft_wrap=True,
        )
        for name, why in report.rejected[:SHOWN]:
            out.print(f"  {name}: {why}", markup=False)
        if len(report.rejected) > SHOWN:
            out.print(f"  and {len(report.rejected) - SHOWN:,} more (all with --json)")
    if report.rejected:
        raise typer.Exit(SOMETHING_REJECTED)
