"""Each stage a process and a principal of its own: documents are fed, questions are answered."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.events import DocumentFed, QuestionAsked
from streams.app import opening, rights
from streams.app.ports import secrets
from streams.app.settings import Settings, load
from streams.app.stores import IndexSettings
from streams.edge import admin
from streams.edge.client import Asker, reader
from streams.edge.documents import Feeder
from streams.flow.stage import Stage
from streams.local import scram, users
from streams.local.prepare import Prepared
from streams.local.supervisor import Stack
from streams.local.worker_process import Process
from streams.runtime.codec import Codec
from tests.system.harness import until

WAIT_S = 60.0
PAGE = "# Cards\n\nThe daily limit of a Gold card is 900 euros.\n"


def alone(stages: list[Stage]) -> dict[str, list[Stage]]:
    """Each stage by itself, but for those that work on the one folder of the index."""
    return {
        "index": [each for each in stages if each.name in ("index", "retrieve")],
        **{each.name: [each] for each in stages if each.name not in ("index", "retrieve")},
    }


def prepared(settings: Settings) -> Prepared:
    stages = opening.stages(settings)
    made = admin.apply_topics(settings, stages)
    flow, together = rights.Flow.of(settings, stages), alone(stages)
    scram.secure(settings, rights.principals(flow, together))
    processes = [
        Process(
            name,
            tuple(each.name for each in those),
            secrets=tuple(secrets(those)),
            user=flow.principal(name),
        )
        for name, those in together.items()
    ]
    return Prepared(made, processes, flow.principal(rights.OPERATOR))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("secured")
    settings = load({"data": data, "kafka_secure": True, "redis": {"cache_mb": 16}})
    with Stack(settings, prepared=prepared) as stack:
        yield stack


def as_(stack: Stack, name: str) -> Settings:
    return users.being(stack.settings, f"millrace-{name}")


def answered(stack: Stack) -> str:
    settings, codec = as_(stack, "asker"), Codec()
    with reader(settings) as consumer:
        asked = QuestionAsked(tenant="acme", query="What is the daily limit of a Gold card?")
        return Asker(settings, codec, consumer).ask(asked, WAIT_S).answer


def test_documents_are_fed_and_questions_answered_by_principals_that_may_no_more(
    stack: Stack, tmp_path: Path
) -> None:
    assert stack.settings.of(IndexSettings).here
    settings, codec = as_(stack, "feeder"), Codec()
    with reader(settings) as acks:
        page = DocumentFed(op="upsert", tenant="acme", doc_id="cards", body=PAGE)
        report = Feeder(settings, codec, acks).feed([page])
    assert report.searchable == 1 and not report.rejected
    assert "900 euros" in answered(stack)
    lags = admin.lag(as_(stack, "scaler"), opening.stages(stack.settings))
    assert set(lags) >= {"ingest", "generate.extractive", "feedback"}


def test_a_stage_that_is_killed_comes_back_as_itself(stack: Stack) -> None:
    before = {each.name: each.service.pid for each in stack._watched}
    for name in ("up-admit", "up-index", "up-generate.extractive"):
        os.kill(before[name], signal.SIGKILL)

    def back() -> bool:
        now = {each.name: each for each in stack._watched}
        return all(
            now[name].service.pid != before[name] and now[name].state == "ready"
            for name in ("up-admit", "up-index", "up-generate.extractive")
        )

    until(back, "them to be back")
    assert "900 euros" in answered(stack)
