"""`plan`: what a load needs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from streams.app.settings import load
from streams.cli.console import out, print_json

app = typer.Typer()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter("no load is without end: give a number")
    return value


@app.command()
def plan(
    questions_per_day: Annotated[
        float, typer.Option(min=0, callback=_finite, help="On a mean day.")
    ],
    documents: Annotated[float, typer.Option(min=0, callback=_finite, help="That are searchable.")],
    changes_per_day: Annotated[
        float, typer.Option(min=0, callback=_finite, help="Of documents.")
    ] = 0,
    tenants: Annotated[int, typer.Option(min=1)] = 1,
    peak: Annotated[
        float,
        typer.Option(
            min=1, callback=_finite, help="The busiest second, against the mean of a day."
        ),
    ] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say what a load needs: workers, partitions, cores, memory, storage, cost, and what is short.

    By rates that were measured (it names the results) and M/M/1 queues; no guess of a machine that
    was not measured, so run the benches on yours first.
    """
    from streams.app.opening import stages
    from streams.release.capacity.plan import Load, Prices
    from streams.release.capacity.plan import plan as planned
    from streams.release.capacity.rates import measured

    day = Load(questions_per_day, documents, changes_per_day, tenants, peak)
    found = planned(stages(load()), day, measured(), Prices())
    if as_json:
        print_json(asdict(found))
        return
    columns = ("stage", "a second", "ms", "workers", "busy", "wait p99", "cores", "GiB", "a month")
    table = Table(*columns, box=None)
    for each in found.needs:
        table.add_row(
            each.stage,
            f"{each.a_second:,.1f}",
            f"{each.service_ms:,.2f}",
            f"{each.workers:,}",
            f"{each.busy:.0%}",
            f"{each.wait_p99_ms:,.0f} ms",
            f"{each.cores:,.1f}",
            f"{each.memory_gib:,.1f}",
            f"{each.cost:,.0f}",
        )
    out.print(table)
    stored = ", ".join(f"{name} {size:,.1f}" for name, size in found.storage_gib.items())
    out.print(
        f"\n{found.partitions} partitions a topic; {found.cores:,.0f} cores, "
        f"{found.memory_gib:,.0f} GiB of memory; {found.cost:,.0f} a month"
        f"\nGiB stored, before replicas: {stored}"
        f"\nfirst to be short: {found.first}",
        soft_wrap=True,
    )
    gpus = ", ".join(f"{name} {count}" for name, count in found.gpus.items())
    out.print(f"GPUs (H200), if a larger model embeds and re-ranks: {gpus}", soft_wrap=True)
    for name, said in found.sources.items():
        out.print(f"measured: {name} ({said})", markup=False, soft_wrap=True)
