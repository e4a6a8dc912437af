"""The schema registry as a client sees it, and what a worker makes of its outages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.schema_registry.client import SchemaRegistry
from processors.places import QUESTIONS
from schemas import topics
from schemas.events import FeedbackGiven
from streams.app import host
from streams.flow.errors import Reject, Retry, UserError
from streams.flow.stage import Stage, record_stage
from streams.runtime.codec import Codec
from tests.support.registry_server import RegistryServer

GIVEN = FeedbackGiven(request_id="r", tenant="acme", rating=1)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def registry(server: RegistryServer) -> Iterator[SchemaRegistry]:
    with closing(SchemaRegistry(server.url, away_s=0.0)) as registry:
        yield registry


def copying() -> Stage:
    feedback = topics.RAG_FEEDBACK
    return record_stage(
        "copy",
        reads=feedback,
        make=lambda _: lambda event: [event],
        writes=feedback,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
    )


def test_an_event_goes_and_comes_in_the_wire_format(
    server: RegistryServer, registry: SchemaRegistry
) -> None:
    value = Codec(registry).encode("rag.feedback", GIVEN)
    assert value[:5] == b"\0\0\0\0\x01"
    with closing(SchemaRegistry(server.url)) as other:
        assert Codec(other).decode(topics.RAG_FEEDBACK, value) == GIVEN
        assert Codec(other).decode(topics.RAG_FEEDBACK, value) == GIVEN
        with pytest.raises(Reject, match="the registry has no id 9"):
            Codec(other).decode(topics.RAG_FEEDBACK, b"\0\0\0\0\x09" + value[5:])


@pytest.mark.parametrize("gone", [False, True])
def test_an_outage_is_asked_about_once_in_a_while(server: RegistryServer, gone: bool) -> None:
    """A batch may name many schemas, and a dead network costs seconds a call."""
    server.away = True
    url = "http://127.0.0.1:1" if gone else server.url
    with closing(SchemaRegistry(url, away_s=0.5)) as registry:
        with pytest.raises(Retry, match=r"does not answer|says 503"):
            registry.schema(1)
        started, reasons = time.monotonic(), list[str]()
        for number in range(50):
            with pytest.raises(Retry) as caught:
                registry.schema(number)
            reasons.append(str(caught.value))
        if time.monotonic() - started < 0.5:
            assert all("did not answer a moment ago" in reason for reason in reasons)
            assert len(server.calls) == (0 if gone else 1)


def test_what_a_worker_writes_is_registered_before_an_outage(
    server: RegistryServer, registry: SchemaRegistry
) -> None:
    codec = Codec(registry)
    host.announce(codec, [copying()])
    server.away = True
    assert codec.encode("rag.feedback", GIVEN)[:1] == b"\0"
    with pytest.raises(Retry):
        codec.encode("another", GIVEN)


def test_a_worker_waits_for_the_registry_at_its_start_and_not_for_ever(
    server: RegistryServer, registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.away = True
    monkeypatch.setattr(host.time, "sleep", lambda _: setattr(server, "away", False))
    codec = Codec(registry)
    host.announce(codec, [copying()])
    assert len(server.schemas) == 2
    server.away = True
    monkeypatch.setattr(host, "PATIENCE_S", -1.0)
    with pytest.raises(UserError, match=r"says 503: check MILLRACE_REGISTRY__URL"):
        host.announce(Codec(registry), [copying()])
