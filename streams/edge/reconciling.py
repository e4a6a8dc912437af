"""Windows held against events: each whole day, to the token."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer

from streams.app.ledgers import RESERVED, InLedger
from streams.app.settings import Settings
from streams.app.windows import DAYS
from streams.edge.client import replay
from streams.edge.costs import Recorded
from streams.usage.changelogs import KEPT_DAYS, Windows, changelog, windows
from streams.usage.rows import Counted, Row, added, empty

DAY_MS = 86_400_000
MAX = sys.maxsize
COUNTED = ("calls", "input", "cached", "output", "cost", "unpriced")


@dataclass(frozen=True, slots=True)
class Apart:
    """Where a window and the events of its day say otherwise."""

    tenant: str
    operation: str
    model: str
    begin: int  # milliseconds since the epoch
    what: str
    window: int
    events: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`waiting` are events that no window has yet."""

    windows: int
    waiting: int
    apart: tuple[Apart, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A tenant's period now: what the ledger has settled, without what was paid again for one call,
    and what the events of that period come to, in billionths.

    What is `held` is under way. Before the budget was there, nothing was settled.
    """

    tenant: str
    begins: int  # milliseconds since the epoch
    settled: int
    events: int
    repeated: int
    held: int
    lapsed: int


def with_ledger(events: Iterable[Recorded], entries: Sequence[InLedger]) -> list[Ledger]:
    """Each entry beside the events of its tenant and period that were reserved."""
    begins = {each.tenant: each.begins for each in entries}
    spent = dict.fromkeys(begins, 0)
    for each in events:
        event = each.event
        if event.used.operation in RESERVED and event.at >= begins.get(event.tenant, MAX):
            spent[event.tenant] += event.used.cost_nanos or 0
    return [
        Ledger(
            each.tenant,
            each.begins,
            each.standing.spent - each.standing.repeated,
            spent[each.tenant],
            each.standing.repeated,
            each.standing.held,
            each.standing.lapsed,
        )
        for each in entries
    ]


def kept(settings: Settings, consumer: Consumer) -> Windows | None:
    """The day windows; None where nobody ever kept any."""
    topic = changelog(settings, DAYS)
    if topic not in consumer.list_topics(timeout=10).topics:
        return None
    return windows((m.key(), m.value()) for m in replay(consumer, [topic]))  # pyright: ignore


def oldest(now_ms: int) -> int:
    """The first moment of which windows are surely there: older ones go, one after the other."""
    return (now_ms // DAY_MS - KEPT_DAYS + 1) * DAY_MS


def reconciled(events: Iterable[Recorded], found: Windows, since: int) -> Reconciled:
    """Of whole days from `since` on; what the windows have not read yet is told apart."""
    begin = -(-since // DAY_MS) * DAY_MS
    seen, waiting = found.seen, 0
    own: dict[tuple[str, int], Row] = {}
    for each in events:
        if each.event.at < begin:
            continue
        if each.offset > seen.get(each.partition, -1):
            waiting += 1
            continue
        counted = Counted(each.event, each.partition, each.offset)
        place = counted.key, each.event.at // DAY_MS * DAY_MS
        own[place] = added(own.get(place, empty()), counted)
    theirs = {place: row for place, row in found.rows.items() if place[1] >= begin}
    return Reconciled(len(theirs), waiting, tuple(_apart(own, theirs)))


def _apart(
    own: Mapping[tuple[str, int], Row], theirs: Mapping[tuple[str, int], Row]
) -> Iterable[Apart]:
    for place in sorted({*own, *theirs}):
        events, window = own.get(place, empty()), theirs.get(place, empty())
        tenant, operation, model = place[0].split("\t")
        for what in COUNTED:
            if events[what] != window[what]:
                yield Apart(tenant, operation, model, place[1], what, window[what], events[what])
