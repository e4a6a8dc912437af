"""The schemas of topics, for those who keep them: a schema registry, a folder, a review."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.schema_registry.client import SchemaRegistry
from connectors.schema_registry.port import registry as opened
from schemas import catalog
from schemas.differences import differences
from streams.app.ports import RegistrySettings
from streams.app.settings import Settings
from streams.app.topology import topics_of
from streams.flow.errors import UserError
from streams.flow.stage import Stage

RULE = "BACKWARD"  # readers of today's schema read what was written with the one before
STRICT = (RULE, "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")
INDEX = "topics.json"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a topic's records are written with."""

    topic: str
    event: str

    @property
    def name(self) -> str:
        """As registries call it."""
        return f"{self.topic}-value"

    @property
    def schema(self) -> dict[str, Any]:
        return catalog.self_contained(self.event)


@dataclass(frozen=True, slots=True)
class State:
    """A subject beside what is kept of it elsewhere."""

    subject: Subject
    version: int | None  # that is kept; None: none
    changes: list[str]  # from what is kept
    faults: list[str] = field(default_factory=list[str])  # why it may not be registered

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject.name,
            "event": self.subject.event,
            "version": self.version,
            "changes": self.changes,
            "faults": self.faults,
        }


@contextmanager
def registry_of(settings: Settings) -> Generator[SchemaRegistry]:
    """The configured registry; raises `UserError` where none is."""
    section = settings.of(RegistrySettings)
    if not section.url:
        raise UserError("no schema registry is configured: set MILLRACE_REGISTRY__URL")
    with closing(opened(section)) as registry:
        yield registry


def subjects(stages: Sequence[Stage]) -> list[Subject]:
    """Those of every topic whose records are one of our events."""
    return [
        Subject(topic.name, topic.event.__name__)
        for topic in topics_of(stages)
        if topic.read is None
    ]


def compared(registry: SchemaRegistry, ours: Iterable[Subject]) -> list[State]:
    """Each beside the registry's newest version, and whether its rule lets it follow that."""
    return [_compared(registry, subject) for subject in ours]


def _compared(registry: SchemaRegistry, subject: Subject) -> State:
    latest = registry.latest(subject.name)
    if latest is None:
        return State(subject, None, ["new"])
    version, schema = latest
    rule = registry.rule(subject.name)
    if rule not in STRICT:
        remedy = "`millrace schemas register` sets BACKWARD"
        faults = [f"the rule {rule} lets readers be broken: {remedy}"]
    else:
        faults = registry.incompatible(subject.name, subject.schema)
    return State(subject, version, differences(schema, subject.schema), faults)


def registered(registry: SchemaRegistry, ours: Iterable[Subject]) -> list[State]:
    """Each registered where it is new, under a rule that keeps readers whole.

    Raises `UserError` at the first that the registry refuses; those before it are registered.
    """
    done: list[State] = []
    for subject in ours:
        before = registry.latest(subject.name)
        if registry.rule(subject.name) not in STRICT:
            registry.enforce(subject.name, RULE)
        registry.register(subject.name, subject.schema)
        after = registry.latest(subject.name)
        changes = ["new"] if before is None else differences(before[1], subject.schema)
        done.append(State(subject, None if after is None else after[0], changes))
    return done


def exported(folder: Path, ours: Sequence[Subject]) -> list[Path]:
    """A file for each, that needs no other, and an index of them; returns what was written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        index = [
            {
                "topic": subject.topic,
                "file": f"{subject.name}.avsc",
                "event": subject.event,
                # What stands behind the two bytes C3 01 of a record, without a registry.
                "fingerprint": catalog.fingerprint(subject.event).hex(),
            }
            for subject in ours
        ]
        texts = {f"{each.name}.avsc": each.schema for each in ours} | {INDEX: index}
        for name, content in texts.items():
            text = json.dumps(content, indent=1, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    return [folder / name for name in texts]


def beside(folder: Path, ours: Iterable[Subject]) -> list[State]:
    """Each beside what was exported to a folder, of another release perhaps."""
    if not (folder / INDEX).is_file():
        raise UserError(f"{folder} has no {INDEX}: is it what `millrace schemas export` wrote?")
    states: list[State] = []
    for subject in ours:
        file = folder / f"{subject.name}.avsc"
        if not file.exists():
            states.append(State(subject, None, ["new"]))
            continue
        try:
            former = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{file} is no JSON: {error}") from None
        states.append(State(subject, 1, differences(former, subject.schema)))
    return states
