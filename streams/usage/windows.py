"""The Faust app: windows of calls by tenant, operation and model, and budgets by tenant.

Tumbling windows of a day, and sliding ones of an hour that begin every quarter of it. A tenant's
budget is summed by hour and day, so that another period in the policy holds at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

import faust

from schemas import topics
from schemas.events import DeadLettered
from streams.app.alerts import Alerts, name_of
from streams.app.settings import Settings
from streams.app.standing import stood
from streams.app.tenancy import Tenancy
from streams.app.windows import DAYS, SLIDING, SPENT
from streams.flow.errors import Reject
from streams.runtime.codec import Codec
from streams.runtime.credentials import options
from streams.runtime.record import Record
from streams.usage import metrics, rows
from streams.usage.changelogs import KEPT_DAYS, app_id
from streams.usage.reading import CommittedTransport, credentials
from streams.usage.surely import surely

DAY_S, HOUR_S, STEP_S = 86_400.0, 3_600.0, 900.0
SLIDING_S = 2 * HOUR_S
COMMIT_S = 1.0


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
    letters = app.topic(topics.RAG_DLQ.name, key_serializer="raw", value_serializer="raw")

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
        # All of it before any row: what cannot be counted is in none of them.
        before = spent[event.tenant]
        after = rows.spent(before, counted)
        state = stood(
            event.tenant,
            policy,
            partial(rows.in_period, after),
            max(event.at, int(time.time() * 1000)),
            partition=counted.partition,
            offset=counted.offset,
        )
        days[counted.key].apply(rows.added, counted, counted)
        sliding[counted.key].apply(rows.added, counted, counted)
        spent[event.tenant] = after
        if not counted.is_in(before["seen"]):
            metrics.count(event, name)
        if state is None:
            return
        alerts.tell(state, name)
        await writes.send(
            key=event.tenant.encode(),
            value=codec.encode(topics.RAG_BUDGETS.name, state),
            headers=headers("BudgetStood", state.partition, state.offset),
        )

    async def work(record: Record) -> None:
        try:
            event = codec.decode(topics.RAG_USAGE, record.value)
        except Reject:
            metrics.UNREADABLE.inc()
            raise
        await count(rows.Counted(event, record.partition, record.offset))

    async def aside(letter: DeadLettered) -> None:
        written = await letters.send(
            key=topics.RAG_DLQ.key(letter).encode(),
            value=codec.encode(topics.RAG_DLQ.name, letter),
            headers=headers("DeadLettered", letter.partition, letter.offset),
        )
        await written  # until the broker has it

    async def read(stream: Any) -> None:
        acknowledged = stream.noack()
        async for event in acknowledged.events():
            await surely(_record(event), work, aside)
            await acknowledged.ack(event)

    app.agent(reads, name="usage.windows")(read)

    async def ready(*_: object, **__: object) -> None:
        on_ready()

    app.on_rebalance_complete.connect(ready)
    return app


def _record(event: Any) -> Record:
    """Of Faust's message."""
    message = event.message
    said: Any = message.headers or ()
    sent: list[tuple[str, bytes | None]] = [*(said.items() if hasattr(said, "items") else said)]
    return Record(
        message.topic,
        message.partition,
        message.offset,
        int(message.timestamp * 1000),
        message.key,
        message.value,
        sent,
    )


def headers(kind: str, partition: int, offset: int) -> list[tuple[str, bytes]]:
    """CloudEvents, as stages write them; the id follows from the record that it is of."""
    cause = f"{topics.RAG_USAGE.name}/{partition}/{offset}"
    made = blake2b(f"usage|{cause}".encode(), digest_size=16).hexdigest()
    return [
        ("ce_id", made.encode()),
        ("ce_type", f"io.millrace.{kind}".encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"/millrace/usage"),
        ("causationid", cause.encode()),
        ("content-type", b"application/avro"),
    ]
