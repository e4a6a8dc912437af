"""`up`, `down`, `status`, `run`: the stack and its workers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from streams.app.ports import BrokerSettings, RedisSettings
from streams.app.settings import Settings, load
from streams.cli.console import err, out, print_json, settings
from streams.flow.errors import UserError
from streams.flow.masking import masked
from streams.runtime.room import Room, sentence

app = typer.Typer()
NOT_RUNNING = 1


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return once it is ready.")] = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="With Prometheus, by the rendered rules.")
    ] = False,
    secure: Annotated[
        bool, typer.Option("--secure", help="The broker takes users alone, each with its rights.")
    ] = False,
) -> None:
    """Run the whole stack on this machine: broker, Redis and all stages."""
    from streams.local import supervisor as stack

    chosen = load({"kafka_secure": True} if secure else {})
    if observe:
        chosen = chosen.model_copy(update={"observe": True})
    if detach:
        stack.detach(chosen, _progress)
        _say_where(settings(), observe=chosen.observe)
        return
    running = stack.Stack(chosen)

    def progress(phase: str) -> None:
        _progress(phase)
        if phase == "ready":
            _say_where(running.settings, observe=chosen.observe)
            err.print("Ctrl-C stops it.")

    running.run_forever(progress)


@app.command()
def down() -> None:
    """Stop the stack of this data folder."""
    from streams.local import state as stack_state

    stopped = stack_state.down(load())
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the processes of the stack and the lag of each stage (exit code 1: not running)."""
    found = stack_report(settings())
    if as_json:
        print_json(found)
    elif not found["running"]:
        out.print(f"no stack runs on {found['data']}: start one with `millrace up`")
    else:
        _print_status(found)
    if not found["running"]:
        raise typer.Exit(NOT_RUNNING)


@app.command()
def run(stages: Annotated[list[str], typer.Argument(help="Stages of one process.")]) -> None:
    """Run the production worker of one or more stages, or of `usage`, until SIGTERM."""
    if "usage" in stages:
        from streams.usage import worker

        if len(stages) > 1:
            raise UserError("`usage` runs by itself: give the stages a process of their own")
        raise typer.Exit(worker.run(load()))
    from streams.app import host

    raise typer.Exit(host.run(load(), stages))


def stack_report(chosen: Settings) -> dict[str, Any]:
    """What `status --json` prints."""
    from streams.cli.operations import stages
    from streams.edge import admin, holding, transactions
    from streams.local import state as stack_state

    found: dict[str, Any] = dict(stack_state.status(chosen))
    found |= {name: masked(found[name]) for name in ("redis_url", "kept_url")}
    found["stages"] = []
    found["stuck"] = []
    found["transactions"] = []
    room = Room(chosen.data, chosen.disk_floor_mb)
    found["disk_free_mb"] = room.free_mb()
    found["disk_full"] = sentence(room) if room.short() else ""
    if found["running"]:
        try:
            known = stages(chosen)
            standings = admin.standings(chosen, known)
            found["stages"] = [{"name": n, "lag": each.behind} for n, each in standings.items()]
            found["stuck"] = [asdict(each) for each in holding.among(standings)]
            with suppress(UserError):  # over TLS it cannot be asked for
                open_ones = transactions.foreign(chosen, known)
                found["transactions"] = [asdict(each) for each in open_ones]
        except UserError as error:
            found["error"] = str(error)
    return found


def _progress(phase: str) -> None:
    err.print(f"[dim]millrace:[/dim] {phase}")


def _say_where(chosen: Settings, *, observe: bool) -> None:
    from streams.local import prometheus
    from streams.runtime import kafka

    err.print(f"  broker  {chosen.bootstrap_servers}")
    err.print(f"  redis   {masked(chosen.of(RedisSettings).url)}")
    err.print(f"  kept    {masked(chosen.of(RedisSettings).kept_url)}")
    err.print(f"  data    {chosen.data.absolute()}")
    if observe:
        err.print(f"  metrics {prometheus.address(chosen.data.absolute())} (graphs, alerts)")
    if who := kafka.open_to(chosen):
        err.print(f"  [yellow]note[/yellow]    no password guards the broker: {who}")
    elif user := chosen.of(BrokerSettings).user:
        err.print(f"  user    {user}")


def _print_status(found: dict[str, Any]) -> None:
    out.print(f"broker  {found['bootstrap_servers']}\ndata    {found['data']}\n")
    table = Table("process", "pid", "state", "restarts", "MB", box=None)
    for each in found["processes"]:
        size = f"{each['rss_mb']:.0f}" if each.get("rss_mb") else ""
        row = (each["name"], each["pid"], each["state"], each["restarts"], size)
        table.add_row(*map(str, row))
    out.print(table)
    if "error" in found:
        out.print(f"\n{found['error']}")
        return
    table = Table("stage", "lag", box=None)
    for each in found["stages"]:
        table.add_row(each["name"], f"{each['lag']:,}")
    out.print()
    out.print(table)
    if found["disk_full"]:
        out.print(f"\n{found['disk_full']}", markup=False)
    for each in found["stuck"]:
        place = f"{each['topic']} {each['partition']} {each['offset']}"
        out.print(
            f"\n{each['stage']} is stuck on one record, after {each['tries']} tries alone: "
            f"{place}\n  it is a dead letter after three; at once by `millrace dlq skip "
            f"{each['stage']} {place} --all-tenants`",
            markup=False,
        )
    for each in found["transactions"]:
        out.print(
            f"\nthe producer {each['transactional_id']!r} has had a transaction open for "
            f"{each['seconds']:.0f} s, and nothing behind it is read: "
            f"{', '.join(each['places'][:5])}\n  let it end, or abort it: `millrace topics abort "
            f"{each['transactional_id']}`",
            markup=False,
        )
