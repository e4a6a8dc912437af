"""What each principal may do at the broker, as it follows from the topology: nothing more.

A principal is a group of stages that run together (a process of the stack, a workload of a cluster,
or a stage alone), or somebody at the edge: who asks, feeds, operates, or scales by lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from processors import needs
from schemas import topics
from streams.app import windows
from streams.app.settings import Settings
from streams.app.stores import IndexSettings
from streams.app.topology import topics_of
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.runtime.orders import beside
from streams.runtime.worker import transactions_of

Resource = Literal["topic", "group", "transactional_id"]
# READ and WRITE include DESCRIBE, ALTER_CONFIGS includes DESCRIBE_CONFIGS.
Operation = Literal["read", "write", "describe", "create", "alter_configs"]
ANY = "*"
OPERATOR = "operator"
FOLLOWING = "source/"  # how the transactional ids of who follows a source begin


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation on one resource, or on all whose names begin so."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Who has which rights."""

    name: str
    rights: tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """What rights follow from beside the stages themselves."""

    stages: Sequence[Stage]
    prefix: str  # of groups and principals
    replies: Sequence[str] = ()  # topics that a question may name for its answer
    here: bool = True  # whether the index is a folder of one process
    tenants: Sequence[str] = ()  # that ask by a topic of their own
    windows: bool = False  # whether windows of usage are kept

    @staticmethod
    def of(settings: Settings, stages: Sequence[Stage]) -> Flow:
        asking = settings.tenants if settings.identity == "topic" else ()
        here = settings.of(IndexSettings).here
        replies, kept = settings.reply_topics, settings.usage_windows
        return Flow(stages, settings.group_prefix, replies, here, asking, kept)

    def group(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def principal(self, name: str) -> str:
        return f"{self.prefix}-{name}"


def by_process(stages: Sequence[Stage]) -> dict[str, list[Stage]]:
    """The stages of each process of the embedded stack."""
    found: dict[str, list[Stage]] = {}
    for stage in stages:
        found.setdefault(stage.place.process, []).append(stage)
    return found


def by_stage(stages: Sequence[Stage]) -> dict[str, list[Stage]]:
    """Each by itself."""
    return {stage.name: [stage] for stage in stages}


def principals(flow: Flow, together: Mapping[str, Sequence[Stage]]) -> list[Principal]:
    """Those of these groups of stages, and those of the edge."""
    workers = [
        _principal(flow.principal(name), (r for stage in stages for r in of_stage(flow, stage)))
        for name, stages in together.items()
    ]
    scaler = _principal(flow.principal("scaler"), _looking(flow, flow.stages))
    counting = [_windows(flow)] if flow.windows else []
    return [*workers, *counting, *_askers(flow), _feeder(flow), _operator(flow), scaler]


def of_stage(flow: Flow, stage: Stage) -> Iterable[Right]:
    """What a stage's worker does."""
    yield from (Right("topic", topic.name, "read") for topic in stage.reads)
    yield from (Right("topic", name, "write") for name in _written(flow, stage))
    followed = {needs.SUSPENSIONS: topics.CONTROL_TENANTS, needs.PURSE: topics.RAG_BUDGETS}
    yield from (
        Right("topic", t.name, "read") for port, t in followed.items() if port in stage.needs
    )
    for topic in stage.changelogs:
        yield from _both(topic)
    for each in stage.subscriptions:
        group = flow.group(each.group)
        yield Right("group", group, "read")
        yield Right("group", beside(group), "read")
        yield Right("transactional_id", transactions_of(group), "write", prefixed=True)
    if needs.PRESSURE in stage.needs:  # to tell how much waits on a question's way
        yield from _looking(flow, [e for e in flow.stages if e.promise and e is not stage])
    if stage.mirror is not None and flow.here:
        yield from _both(stage.mirror.owners)
        yield Right("group", flow.group(stage.mirror.owners.name), "read")
        yield Right("topic", stage.mirror.acknowledged.name, "read")
        yield Right("group", flow.group("lacking"), "describe")


def _written(flow: Flow, stage: Stage) -> Iterable[str]:
    read = {topic.name for each in flow.stages for topic in each.reads}
    for topic in (*stage.writes, stage.dead_letters):
        if topic.suffix is None:
            yield topic.name
        else:  # those of the family that anybody reads
            yield from (name for name in read if name.startswith(f"{topic.name}."))
    if topics.RAG_ANSWERS in stage.writes:
        yield from flow.replies


def _both(topic: Topic[Any]) -> tuple[Right, Right]:
    return Right("topic", topic.name, "read"), Right("topic", topic.name, "write")


def _askers(flow: Flow) -> Iterable[Principal]:
    """Who asks and says what the answers were worth; where topics say who asks, each tenant."""
    answers, reader = topics.RAG_ANSWERS.name, Right("group", flow.group("reader"), "describe")
    known = {topic.name for topic in topics_of(flow.stages)}
    told = [answers, *(known & {topics.RAG_PARTIALS.name})]
    asking = [("asker", topics.RAG_REQUESTS.name, told)]
    if flow.tenants:
        asking = [
            (
                f"asker-{tenant}",
                topics.requests_of(tenant).name,
                [name for name in flow.replies if name == f"{answers}.{tenant}"],
            )
            for tenant in flow.tenants
        ]
    for name, requests, own in asking:
        who = flow.principal(name)
        rights = [Right("topic", each, "write") for each in (requests, topics.RAG_FEEDBACK.name)]
        rights += [Right("topic", each, "read") for each in own]
        # Groups of its own begin with its name.
        yield _principal(who, (*rights, reader, Right("group", f"{who}/", "read", prefixed=True)))


def _feeder(flow: Flow) -> Principal:
    """Who feeds documents, or follows a source, and waits until they are searchable."""
    who = flow.principal("feeder")
    feeds, told = (topics.DOCS_FEED, topics.DOCS_FEED_BULK), (topics.DOCS_INDEXED, topics.DOCS_DLQ)
    ways = [each for each in flow.stages if each.dead_letters == topics.DOCS_DLQ]
    return _principal(
        who,
        (
            *(Right("topic", each.name, "write") for each in feeds),
            *(Right("topic", each.name, "read") for each in told),
            *_both(topics.DOCS_SOURCES),
            Right("transactional_id", flow.group(FOLLOWING), "write", prefixed=True),
            *_looking(flow, ways),
            Right("group", flow.group("reader"), "describe"),
            Right("group", f"{who}/", "read", prefixed=True),
        ),
    )


def _windows(flow: Flow) -> Principal:
    """Who keeps windows of usage; Faust makes the topics of its tables itself."""
    doing: tuple[Operation, ...] = ("read", "write", "create")
    return _principal(
        flow.principal(windows.NAME),
        (
            Right("topic", topics.RAG_USAGE.name, "read"),
            Right("topic", topics.RAG_BUDGETS.name, "write"),
            Right("topic", topics.RAG_DLQ.name, "write"),
            Right("group", windows.group(flow.prefix), "read"),
            *(
                Right("topic", name, operation)
                for name in windows.changelogs(flow.prefix)
                for operation in doing
            ),
        ),
    )


def _looking(flow: Flow, stages: Sequence[Stage]) -> Iterable[Right]:
    """To tell how far stages are."""
    for stage in stages:
        yield from (Right("topic", topic.name, "describe") for topic in stage.reads)
        for each in stage.subscriptions:
            yield Right("group", flow.group(each.group), "describe")


def _operator(flow: Flow) -> Principal:
    """Who makes topics, reads them, replays dead letters and sets records aside."""
    known = [*(topic.name for topic in topics_of(flow.stages)), *flow.replies]
    kept = windows.changelogs(flow.prefix) if flow.windows else []  # held against the events
    doing: tuple[Operation, ...] = ("read", "create", "alter_configs")
    back = {topic.name for stage in flow.stages for topic in stage.reads}
    # `millrace tenant` suspends by the one, `millrace follow` remembers in the other.
    back |= {*known} & {topics.CONTROL_TENANTS.name, topics.DOCS_SOURCES.name}
    if flow.windows:  # what `usage` gave up is replayed too
        back.add(topics.RAG_USAGE.name)
    asides = (beside(flow.group(s.group)) for stage in flow.stages for s in stage.subscriptions)
    return _principal(
        flow.principal(OPERATOR),
        (
            *(Right("topic", name, operation) for name in known for operation in doing),
            *(Right("topic", name, "write") for name in back),
            *_looking(flow, flow.stages),
            *(Right("group", name, "read") for name in asides),
            *(Right("topic", name, "read") for name in kept),
            Right("group", flow.group("reader"), "describe"),
            Right("transactional_id", ANY, "write"),  # a foreign one that hangs is aborted
        ),
    )


def _principal(name: str, rights: Iterable[Right]) -> Principal:
    """Without what another of its rights says already."""
    found = set(rights)
    implying = {(each.resource, each.name) for each in found if each.operation in ("read", "write")}
    kept = {
        each
        for each in found
        if each.operation != "describe" or (each.resource, each.name) not in implying
    }
    return Principal(name, tuple(sorted(kept)))
