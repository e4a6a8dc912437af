"""`tenant suspend`, `resume`, `show`: who may ask and feed."""

from __future__ import annotations

import getpass
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from schemas import topics
from schemas.events import TenantControlled
from streams.cli.console import clock, open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.runtime.record import now_ms

if TYPE_CHECKING:
    from streams.app.settings import Settings

app = typer.Typer(help="Who may ask and feed.", no_args_is_help=True)
MOST_REASON = 300  # characters
Name = Annotated[str, typer.Argument(help="Which tenant.")]


@app.command()
def suspend(
    tenant: Name, reason: Annotated[str, typer.Option(help="For who asks, in a sentence.")] = ""
) -> None:
    """Refuse a tenant's questions and new texts, from now on; what it has stays."""
    _say(settings(), tenant, suspended=True, reason=reason)
    out.print(f"{tenant} is suspended", markup=False)


@app.command()
def resume(tenant: Name) -> None:
    """Take its questions and texts again."""
    _say(settings(), tenant, suspended=False, reason="")
    out.print(f"{tenant} may ask and feed", markup=False)


@app.command()
def show(
    tenant: Annotated[str, typer.Argument(help="Which tenant; none: all that were told of.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show who is suspended, since when, why and by whom."""
    from streams.edge.client import reader, replay

    chosen, found = settings(), dict[str, TenantControlled]()
    with reader(chosen) as consumer, open_codec(chosen) as codec:
        for message in replay(consumer, [topics.CONTROL_TENANTS.name]):
            value: Any = message.value()
            event = codec.decode(topics.CONTROL_TENANTS, value)
            found[event.tenant] = event
    rows = [each for name, each in sorted(found.items()) if tenant in ("", name)]
    if as_json:
        print_json([each.to_avro() for each in rows])
        return
    table = Table("tenant", "may ask", "since", "by", "reason", box=None)
    for each in rows:
        since = clock(each.at, "%Y-%m-%d %H:%M UTC")
        may = "no" if each.suspended else "yes"
        table.add_row(*map(escape, (each.tenant, may, since, each.by, each.reason)))
    out.print(table)


def _say(chosen: Settings, tenant: str, *, suspended: bool, reason: str) -> None:
    from streams.app.tenancy import TENANT
    from streams.edge.client import edge_output
    from streams.edge.deliveries import Deliveries
    from streams.runtime import kafka

    if not TENANT.fullmatch(tenant):  # "acme " would suspend nobody
        raise UserError(f"'{tenant}' is no tenant: it has 1 to 64 letters, digits, '.', '_' or '-'")
    if len(reason) > MOST_REASON:
        raise UserError(f"the reason has {len(reason)} characters; at most {MOST_REASON}")
    by = "unknown"
    with suppress(OSError, KeyError, ImportError):  # a user whom the system does not know
        by = getpass.getuser()
    said = TenantControlled(tenant=tenant, suspended=suspended, reason=reason, by=by, at=now_ms())
    client = kafka.reachable(chosen)
    if topics.CONTROL_TENANTS.name not in client.list_topics(timeout=10).topics:
        raise UserError(f"topic {topics.CONTROL_TENANTS.name} is missing: `millrace topics apply`")
    with open_codec(chosen) as codec:
        producer = kafka.new_producer(kafka.producer_options(chosen))
        output = edge_output(codec, topics.CONTROL_TENANTS, said, str(uuid.uuid4()))
        deliveries = Deliveries()
        kafka.send(producer, output, kafka.Partitions(producer), deliveries)
        deliveries.wait(producer, 10)
