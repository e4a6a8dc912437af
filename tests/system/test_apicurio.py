"""Against a real schema registry: Apicurio's, by its Confluent-compatible API."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from connectors.schema_registry.client import SchemaRegistry
from infra.local.apicurio import START_S, Apicurio
from schemas import catalog, topics
from schemas.events import Chunk, DocumentChunked, DocumentFed, FeedbackGiven
from streams.app.settings import Settings
from streams.app.subjects import State, Subject, compared, registered
from streams.app.topology import topics_of, topology
from streams.cli import command_line
from streams.flow.errors import Reject, UserError
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from tests.support.fakes import CONFIG
from tests.support.index_events import document


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Apicurio(tmp_path_factory.mktemp("apicurio"))
    server.start()
    try:
        server.wait_ready(START_S)
        # Its own default is NONE, which would take anything.
        response = httpx.put(f"{server.url}/config", json={"compatibility": "BACKWARD"}, timeout=60)
        assert response.status_code == 200, response.text
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def registry(url: str) -> Iterator[SchemaRegistry]:
    with closing(SchemaRegistry(url)) as registry:
        yield registry


def test_all_that_is_written_is_registered_once(url: str, registry: SchemaRegistry) -> None:
    written = [each for each in topics_of(topology(CONFIG)) if each.suffix is None]
    Codec(registry).prepare(written)
    subjects = set(httpx.get(f"{url}/subjects", timeout=60).json())
    assert {f"{topic.name}-value" for topic in written} <= subjects
    Codec(registry).prepare(written)  # a second worker
    for topic in written:
        answer = httpx.get(f"{url}/subjects/{topic.name}-value/versions", timeout=60)
        assert answer.json() == [1], topic.name


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        (topics.RAG_FEEDBACK, FeedbackGiven(request_id="r", tenant="acme", rating=-1)),
        (topics.DOCS_FEED, DocumentFed(op="upsert", tenant="acme", doc_id="ä/b", body="Text.")),
        (
            topics.DOCS_CHUNKS,
            DocumentChunked(
                document=document("a", version=2**40, metadata={"k": "v"}),
                chunking="c",
                chunks=[
                    Chunk(
                        chunk_id="i",
                        ordinal=0,
                        text="Text.",
                        heading="",
                        sentences=[0, 5],
                        text_hash="h",
                        tokens=2,
                    )
                ],
                last=True,
            ),
        ),
    ],
)
def test_an_event_goes_and_comes_in_the_wire_format(
    url: str, registry: SchemaRegistry, topic: Topic[Any], event: Any
) -> None:
    value = Codec(registry).encode(topic.name, event)
    assert value[0] == 0
    number = int.from_bytes(value[1:5], "big")
    assert registry.schema(number)["name"] == type(event).__name__
    with closing(SchemaRegistry(url)) as another:
        assert Codec(another).decode(topic, value) == event


def test_a_schema_that_would_break_readers_is_refused(registry: SchemaRegistry) -> None:
    schema = catalog.self_contained("FeedbackGiven")
    registry.register("breaking-value", schema)
    broken = copy.deepcopy(schema)
    broken["fields"].append({"name": "new", "type": "string"})
    with pytest.raises(UserError, match="the schema registry refuses breaking-value"):
        registry.register("breaking-value", broken)


def test_an_unknown_id_is_rejected(registry: SchemaRegistry) -> None:
    with pytest.raises(Reject, match="the registry has no id 99999"):
        Codec(registry).decode(topics.RAG_FEEDBACK, b"\0" + (99999).to_bytes(4, "big") + b"x")


def test_settings_name_it(url: str) -> None:
    from contextlib import ExitStack

    from streams.app import codecs

    with ExitStack() as stack:
        codec = codecs.codec(Settings(registry={"url": url}), stack)
        value = codec.encode("rag.feedback", FeedbackGiven(request_id="r", tenant="a", rating=1))
    assert value[0] == 0


def test_schemas_are_registered_compared_and_held_to_their_readers(
    url: str, registry: SchemaRegistry
) -> None:
    ours = [Subject("held.answers", "QuestionAnswered"), Subject("held.feedback", "FeedbackGiven")]
    assert [state.changes for state in compared(registry, ours)] == [["new"], ["new"]]
    done = registered(registry, ours)
    assert [(each.version, each.changes) for each in done] == [(1, ["new"]), (1, ["new"])]
    assert registered(registry, ours) == [State(each, 1, []) for each in ours]
    assert compared(registry, ours) == [State(each, 1, []) for each in ours]

    # What is kept lacks a field that ours has no default for: readers of ours could not read it.
    lacking = copy.deepcopy(ours[1].schema)
    lacking["fields"] = [each for each in lacking["fields"] if each["name"] != "rating"]
    later = Subject("later.feedback", "FeedbackGiven")
    registry.register(later.name, lacking)
    (state,) = compared(registry, [later])
    assert state.version == 1 and state.faults
    assert state.changes == ["FeedbackGiven.rating: added, int, no default"]
    with pytest.raises(UserError, match=r"the schema registry refuses later\.feedback-value"):
        registered(registry, [later])

    registry.enforce(later.name, "NONE")
    (state,) = compared(registry, [later])
    assert "the rule NONE lets readers be broken" in state.faults[0]
    with pytest.raises(UserError, match="refuses"):
        registered(registry, [later])
    assert registry.rule(later.name) == "BACKWARD"


def test_the_command_line_registers_and_checks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_REGISTRY__URL", url)
    run = CliRunner()
    assert run.invoke(command_line(), ["schemas", "register"]).exit_code == 0
    done = run.invoke(command_line(), ["schemas", "check", "--json"])
    assert done.exit_code == 0, done.output
    said = [json.loads(line) for line in done.output.splitlines()]
    assert {each["subject"] for each in said} >= {"rag.answers-value", "docs.feed-value"}
    assert not any(each["faults"] or each["changes"] for each in said)
    done = run.invoke(command_line(), ["schemas", "diff"])
    assert (done.exit_code, done.output) == (0, "nothing changed\n")
