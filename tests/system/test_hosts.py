"""Two hosts of one index, each a process with a folder, that come and go in any order.

Of questions those count that are asked about a document that was acknowledged: who answers them has
it, whoever that is. `full` puts them to `retrieve`; `short` looks into the folder in the end alone.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.qdrant_edge import port, socket
from schemas import topics
from schemas.events import ChunksRetrieved, DocumentEmbedded, QuestionRewritten
from streams.app import opening
from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.edge import admin, client
from streams.local.broker import Broker
from streams.local.child import Service
from streams.local.worker_process import Process, environment, run_command
from streams.runtime.record import now_ms
from tests.support.question_events import carried, question
from tests.system.harness import until
from tests.system.hosts import Hosts, made

SHORT = 3, ("index",)
FULL = 40, ("index", "retrieve")
TENANT = "hosts"
DOCUMENTS = 30
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes 10 minutes: run `make drill`"
)


class Host(Service):
    """`millrace run` on a folder of its own."""

    def __init__(self, name: str, settings: Settings, stages: Sequence[str]) -> None:
        super().__init__(name, settings.data / "logs" / f"{name}.log")
        self.folder = settings.data / name
        self._settings = settings.model_copy(update={"worker": name, "data": self.folder})
        self._command = run_command(Process(name, tuple(stages)))

    def command(self) -> Sequence[str]:
        return self._command

    def environment(self) -> dict[str, str]:
        return environment(self._settings, [RedisSettings.section])

    def is_ready(self) -> bool:
        file = self.folder / "run" / f"{self.name}.ready"
        return self.alive and file.exists() and file.read_text() == str(self.pid)

    def kill(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not self.alive, "its end")


@pytest.fixture
def hosts(broker: Broker, tmp_path: Path) -> Iterator[Hosts]:
    settings = Settings(
        data=tmp_path,
        bootstrap_servers=broker.bootstrap_servers,
        group_prefix="hosts",
        session_timeout_ms=2000,
        transaction_timeout_ms=3000,
    )
    admin.apply_topics(settings, opening.stages(settings))
    yield Hosts(settings)


def word(doc_id: str, version: int) -> str:
    """What nothing else says."""
    return f"zq{doc_id}v{version}"


class Load(threading.Thread):
    """Changes of a few documents, and questions about those that were acknowledged."""

    def __init__(self, hosts: Hosts, rng: random.Random, *, asks: bool) -> None:
        super().__init__()
        self.hosts = hosts
        self.rng = rng
        self.asks = asks
        self.stop = threading.Event()
        self.versions: dict[str, int] = {}
        self.asked: dict[str, str] = {}  # which document a question is about
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for number in itertools.count():
                if self.stop.is_set():
                    return
                self.hosts.feed([self._change() for _ in range(5)])
                if self.asks and number % 10 == 9:
                    self._ask(number)
                time.sleep(0.05)
        except BaseException as failure:
            self.failure = failure

    def _change(self) -> DocumentEmbedded:
        # Those that are asked about do not change any more: what is fed later tells nothing.
        kept = DOCUMENTS // 2 if self.asks else 0
        doc_id = f"{self.rng.randrange(DOCUMENTS)}"
        if int(doc_id) < kept and doc_id in self.versions:
            doc_id = f"{kept + self.rng.randrange(DOCUMENTS - kept)}"
        version = self.versions[doc_id] = self.versions.get(doc_id, 0) + 1
        gone = int(doc_id) >= kept and self.rng.random() < 0.1
        return made(TENANT, doc_id, version, "" if gone else word(doc_id, version))

    def _ask(self, number: int) -> None:
        """About what was acknowledged before the question was asked."""
        acknowledged = {each.document.doc_id for each in self.hosts.acknowledged(TENANT)}
        known = sorted(each for each in acknowledged if int(each) < DOCUMENTS // 2)
        if not known:
            return
        doc_id, request = self.rng.choice(known), f"q{number}"
        about = replace(
            question(word(doc_id, 1), tenant=TENANT),
            request_id=request,
            deadline_at=now_ms() + 3_600_000,
        )
        self.hosts.put(topics.RAG_REWRITTEN, QuestionRewritten(carried=carried(about)))
        self.asked[request] = doc_id


def act(both: list[Host], rng: random.Random) -> str:
    """Something that befalls one of them; the other is as it is."""
    host = rng.choice(both)
    what = rng.choice(["kill", "leave", "lose", "swap"])
    if what == "leave":
        host.stop()
    else:
        host.kill()
    if what == "lose":
        shutil.rmtree(host.folder, ignore_errors=True)
    if what == "swap":
        for each in both:
            each.kill()
        first, second = (each.folder for each in both)
        for folder in (first, second):
            folder.mkdir(exist_ok=True)
        first.rename(first.with_name("aside"))
        second.rename(first)
        first.with_name("aside").rename(second)
    return f"{what} {host.name}"


@pytest.mark.parametrize(
    ("actions", "stages"),
    [
        pytest.param(*SHORT, id="short"),
        pytest.param(*FULL, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
def test_hosts_that_come_and_go_lose_no_acknowledged_document(
    actions: int, stages: Sequence[str], hosts: Hosts, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    asks = "retrieve" in stages
    load = Load(hosts, random.Random(seed + 1), asks=asks)
    both = [Host(name, hosts.settings, stages) for name in ("a", "b")]
    done: list[str] = []
    load.start()
    try:
        both[0].start()
        for _ in range(actions):
            for each in both:
                if not each.alive and rng.random() < 0.7:
                    each.start()
            time.sleep(rng.uniform(0.3, 6.0 if asks else 1.5))
            done.append(act(both, rng))
    finally:
        load.stop.set()
        load.join()
    try:
        for each in both:
            if not each.alive:
                each.start()
        until(lambda: _last(hosts) == load.versions, "all to be acknowledged", 120)
        until(lambda: len(_retrieved(hosts)) == len(load.asked), "all candidates", 120)
        owner = next(each for each in both if _texts(each, hosts.settings))
        found = _texts(owner, hosts.settings)
    finally:
        for each in both:
            each.stop()
    print(f"SEED={seed} {done} versions={sum(load.versions.values())} asked={len(load.asked)}")
    assert load.failure is None
    assert found == _expected(hosts)
    for request, doc_ids in _retrieved(hosts).items():
        assert load.asked[request] in doc_ids, f"{request} was answered by an index without it"


def _last(hosts: Hosts) -> dict[str, int]:
    newest: dict[str, int] = {}
    for each in hosts.acknowledged(TENANT):
        doc_id, version = each.document.doc_id, each.document.version
        newest[doc_id] = max(version, newest.get(doc_id, 0))
    return newest


def _expected(hosts: Hosts) -> dict[str, str]:
    last = {each.document.doc_id: each for each in hosts.acknowledged(TENANT)}
    gone = {doc_id for doc_id, each in last.items() if each.document.op == "delete"}
    return {doc: word(doc, version) for doc, version in _last(hosts).items() if doc not in gone}


def _texts(host: Host, settings: Settings) -> dict[str, str]:
    """What the folder's process says is searchable; nothing where that has none open."""
    path = port._socket(host.folder)
    if not socket.served(path):
        return {}
    lines = map(json.loads, socket.dump(path, TENANT))
    return {line["doc_id"]: line["text"] for line in lines}


def _retrieved(hosts: Hosts) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with client.reader(hosts.settings) as consumer:
        for message in client.replay(consumer, [topics.RAG_RETRIEVED.name]):
            value: Any = message.value()
            event: ChunksRetrieved = hosts.codec.decode(topics.RAG_RETRIEVED, value)
            if event.carried.question.tenant == TENANT:
                request = event.carried.question.request_id
                found[request] = {each.doc_id for each in event.candidates}
    return found
