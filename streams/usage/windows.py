"""The Faust app: windows of calls by tenant, operation and model, and budgets by tenant.

Tumbling windows of a day, and sliding ones of an hour that begin every quarter of it. A tenant's
budget is summed by hour and day, so that another period in the policy holds at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

import faust

from schemas import topics
from schemas.events import BudgetStood
from streams.app.alerts import Alerts, name_of
from streams.app.settings import Settings
from streams.app.standing import stood
from streams.app.tenancy import Tenancy
from streams.app.windows import DAYS, SLIDING, SPENT
from streams.flow.errors import Reject
from streams.runtime.codec import Codec
from streams.runtime.credentials import options
from streams.usage import metrics, rows
from streams.usage.changelogs import KEPT_DAYS, app_id
from streams.usage.reading import CommittedTransport, credentials

DAY_S, HOUR_S, STEP_S = 86_400.0, 3_600.0, 900.0
SLIDING_S = 2 * HOUR_S
COMMIT_S = 1.0
log = logging.getLogger("millrace.usage")


def usage_app(
    settings: Settings,
    codec: Codec,
    tenancy: Callable[[], Tenancy],
    partitions: int,
    on_ready: Callable[[], None],
) -> Any:
    """The app; opens nothing. `partitions` are those of rag.usage, which its tables have too.

    Raises:
        UserError: the broker's options have no counterpart in Faust.
    """
    app: Any = faust.App(  # its types are known in part
        app_id(settings),
        broker=[f"kafka://{each.strip()}" for each in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials({**options(settings.broker), **settings.kafka}),
        broker_session_timeout=max(settings.session_timeout_ms / 1000, 6.0),
        broker_heartbeat_interval=1.5,
        broker_commit_interval=COMMIT_S,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{app_id(settings)}.{settings.worker}"
        if settings.worker
        else None,
        datadir=str(settings.data.absolute() / "usage"),
        store="memory://",
        topic_partitions=partitions,
        topic_replication_factor=settings.replication_factor,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.transport = CommittedTransport(app.conf.broker_consumer, app)
    reads = app.topic(
        topics.RAG_USAGE.name, key_serializer="raw", value_serializer="raw", internal=False
    )
    writes = app.topic(topics.RAG_BUDGETS.name, key_serializer="raw", value_serializer="raw")

    def timed(counted: Any) -> float:
        return counted.event.at / 1000

    def table(name: str, default: Callable[[], Any]) -> Any:
        return app.Table(name, default=default, partitions=partitions)

    days = table(DAYS, rows.empty).tumbling(DAY_S, expires=KEPT_DAYS * DAY_S).relative_to(timed)
    sliding = (
        table(SLIDING, rows.empty).hopping(HOUR_S, STEP_S, expires=SLIDING_S).relative_to(timed)
    )
    spent = table(SPENT, rows.nothing_spent)
    alerts = Alerts()

    async def count(counted: rows.Counted) -> None:
        event, policy = counted.event, tenancy()
        name = name_of(event.tenant, policy.listed)
        before = spent[event.tenant]
        if not counted.is_in(before["seen"]):
            metrics.count(event, name)
        days[counted.key].apply(rows.added, counted, counted)
        sliding[counted.key].apply(rows.added, counted, counted)
        after = spent[event.tenant] = rows.spent(before, counted)
        state = stood(
            event.tenant,
            policy,
            partial(rows.in_period, after),
            max(event.at, int(time.time() * 1000)),
            partition=counted.partition,
            offset=counted.offset,
        )
        if state is None:
            return
        alerts.tell(state, name)
        await writes.send(
            key=event.tenant.encode(),
            value=codec.encode(topics.RAG_BUDGETS.name, state),
            headers=headers(state),
        )

    async def read(stream: Any) -> None:
        async for record in stream.events():
            message = record.message
            try:
                event = codec.decode(topics.RAG_USAGE, record.value)
            except Reject as why:
                metrics.UNREADABLE.inc()
                log.error(
                    "a record of rag.usage is none: %s",
                    why,
                    extra={"partition": message.partition, "offset": message.offset},
                )
                continue
            await count(rows.Counted(event, message.partition, message.offset))

    app.agent(reads, name="usage.windows")(read)

    async def ready(*_: object, **__: object) -> None:
        on_ready()

    app.on_rebalance_complete.connect(ready)
    return app


def headers(state: BudgetStood) -> list[tuple[str, bytes]]:
    """CloudEvents, as stages write them; the id follows from the record that it is of."""
    cause = f"{topics.RAG_USAGE.name}/{state.partition}/{state.offset}"
    made = blake2b(f"usage|{cause}".encode(), digest_size=16).hexdigest()
    return [
        ("ce_id", made.encode()),
        ("ce_type", b"io.millrace.BudgetStood"),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"/millrace/usage"),
        ("causationid", cause.encode()),
        ("content-type", b"application/avro"),
    ]
