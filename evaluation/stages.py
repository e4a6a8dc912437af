"""Stages in this process, without Kafka: events in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from schemas.events import Carried, Question, QuestionRewritten, UsageRecorded, Versions
from streams.app import opening
from streams.app.ports import open_ports
from streams.app.settings import Settings
from streams.flow.outcome import Received
from streams.flow.port import Opened
from streams.flow.stage import Run, Stage
from streams.runtime.record import now_ms


@dataclass(frozen=True, slots=True)
class Running:
    """A stage whose ports are open."""

    stage: Stage
    run: Run


@dataclass(frozen=True, slots=True)
class Stages:
    """Stages by name, and the ports that they share."""

    by_name: dict[str, Running]
    ports: Opened

    def __getitem__(self, name: str) -> Running:
        return self.by_name[name]


def open_stages(settings: Settings, stack: ExitStack, names: Iterable[str] = ()) -> Stages:
    """Some stages of the topology, or all, with their ports open.

    Raises:
        UserError: a setting or policy is wrong, or a port cannot be opened.
    """
    wanted = {*names}
    stages = [s for s in opening.stages(settings) if not wanted or s.name in wanted]
    ports = open_ports(settings, stages, stack)
    return Stages({s.name: Running(s, s.make(ports)) for s in stages}, ports)


def through(running: Running, events: Sequence[Any], offset: int = 0) -> list[Any]:
    """What the stage makes of these events, which stand in one partition from `offset` on.

    What models used for it is left out.

    Raises:
        Reject, Retry: what the processor says of one of them.
    """
    now = now_ms()
    name = running.stage.reads[0].name
    received = [Received(each, name, 0, at, now, b"key") for at, each in enumerate(events, offset)]
    made: list[Any] = []
    for outcome in running.run(received):
        if isinstance(outcome, Exception):
            raise outcome
        made += [each for each in outcome if not isinstance(each, UsageRecorded)]
    return made


UNKNOWN = Versions(prompt="", pipeline="", embedding_model="", index="", chunking="", policy="")


def to_search(request_id: str, tenant: str, query: str, top_k: int = 1) -> QuestionRewritten:
    """A question as `retrieve` takes it, of no deadline."""
    question = Question(
        request_id=request_id,
        tenant=tenant,
        query=query,
        session_id=None,
        user=None,
        filters={},
        top_k=top_k,
        deadline_at=2**62,
        reply_to=None,
        asked_at=0,
    )
    carried = Carried(question=question, versions=UNKNOWN, variants=[query])
    return QuestionRewritten(carried=carried)
