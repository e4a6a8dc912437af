"""What a collector is sent of a question: real OTLP, of the whole flow."""

from __future__ import annotations

import importlib
import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from processors.models import Completion
from processors.needs import DENSE, EMBEDDER, LEXICAL, PARTIALS, generator
from processors.questions.answering import Answering
from processors.questions.generate import AnswerConfig
from processors.questions.grounded import GroundedConfig
from processors.questions.rewrite import VariantsConfig
from processors.questions.route import RouteConfig
from schemas import topics
from schemas.events import DocumentFed, PartialAnswer
from streams.app.asked import Dense, Lexical
from streams.app.metering import Counted, Metered
from streams.app.topology import topology
from streams.flow.errors import Retry
from streams.flow.port import Opened
from streams.release.observing.sampling import sampling
from streams.runtime import spans as tracing
from streams.runtime.spans import DerivedSpans, Spans, open_spans
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts
from tests.support.otlp import attributes, below, collector
from tests.support.prices import PRICES
from tests.support.told_generator import ToldGenerator

LIMIT = "The cash limit of a Classic card is 600 euros."
FED = DocumentFed(op="upsert", tenant="acme", doc_id="a.md", version=1, body=f"# Limits\n\n{LIMIT}")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
REGISTRY = "opentelemetry.semconv._incubating.attributes"
# In no registry that is installed: newer than it.
NEWER = {"gen_ai.retrieval.documents", "gen_ai.retrieval.top_k"}


def says(instructions: str, _: str) -> Completion:
    """Words every question in one other way, and answers each alike."""
    if instructions == "Reword.":
        return Completion("How much cash may a Classic card get?", 40, 9)
    return Completion(f"{LIMIT} [1]", 1_000, 100)


def is_away(*_: str) -> Completion:
    raise Retry("the model is away")


MODEL, AWAY = ToldGenerator(says), ToldGenerator(is_away)


class Unheard:
    def tell(self, event: PartialAnswer) -> None:
        pass


def flow(spans: Spans, model: ToldGenerator) -> Driver:
    """The topology with a tier that a model answers, its ports noted as a process has them."""
    grounded = GroundedConfig(lambda query, found: (query, found), prices=PRICES)
    config = replace(
        CONFIG,
        prices=PRICES,
        tiers={**CONFIG.tiers, "told": Answering(AnswerConfig(passages=0), grounded)},
        route=RouteConfig(default_tier="told", models={"told": "told"}),
        variants=VariantsConfig("Reword.", prices=PRICES, tier="told"),
    )
    fakes = FakePorts()
    ports: Opened = fakes.opened
    ports = ports.beside(generator("told"), Metered(model, PRICES)).beside(PARTIALS, Unheard())
    ports = ports.beside(EMBEDDER, Counted(fakes.embedder))
    ports = ports.beside(DENSE, Dense(fakes.index)).beside(LEXICAL, Lexical(fakes.index))
    return Driver(topology(config), ports, partitions=1, spans=spans)


def ask(
    driver: Driver,
    *queries: str,
    traceparent: Sequence[str] = (PARENT,),
    asked_at: int | None = None,
) -> None:
    for number, query in enumerate(queries):
        request = {"request_id": f"r{number}", "tenant": "acme", "query": query}
        driver.send(
            topics.RAG_REQUESTS,
            json.dumps(request).encode(),
            key=None,
            headers=[("traceparent", traceparent[number].encode())],
            timestamp=asked_at,
        )
    driver.run()


def exported(
    *queries: str,
    traceparent: Sequence[str] = (PARENT,),
    model: ToldGenerator | None = None,
    asked_at: int | None = None,
) -> list[Span]:
    """The spans of these questions, in the order in which they began."""
    with collector() as (endpoint, received):
        with ExitStack() as stack:
            driver = flow(open_spans(endpoint, "millrace.test", stack), model or MODEL)
            driver.send(topics.DOCS_FEED, FED)
            driver.run()
            ask(driver, *queries, traceparent=traceparent, asked_at=asked_at)
        wanted = {each.split("-")[1] for each in traceparent}
        found = [span for span in received if span.trace_id.hex() in wanted]
    return sorted(found, key=lambda span: (span.start_time_unix_nano, span.name))


def test_a_questions_spans_are_one_tree_named_by_the_conventions() -> None:
    found = exported("What is the cash limit?")
    step = next(each for each in found if each.parent_span_id.hex() == PARENT.split("-")[2])
    way: list[tuple[str, list[str]]] = []
    while True:
        children = below(step, found)
        calls = [each.name for each in children if not each.name.startswith("process ")]
        way.append((step.name, sorted(calls)))  # both rankings are asked for at once
        onward = [each for each in children if attributes(each).get("millrace.stage") in STAGES]
        if not onward:
            break
        (step,) = onward
    assert way == [
        ("process rag.requests", []),
        ("process rag.admitted", ["chat told"]),
        ("process rag.rewritten", ["embeddings bag", "retrieval dense", "retrieval lexical"]),
        ("process rag.retrieved", []),
        ("process rag.generate.told", ["chat told"]),
    ]
    assert {each.trace_id.hex() for each in found} == {TRACE}
    inside = {each.span_id: each for each in found}
    for each in found:
        parent = inside.get(each.parent_span_id)
        if parent is not None and not each.name.startswith("process "):
            assert parent.start_time_unix_nano <= each.start_time_unix_nano
            assert each.end_time_unix_nano <= parent.end_time_unix_nano


STAGES = {"rewrite", "retrieve", "rerank", "generate.told"}


def named(found: Sequence[Span], stage: str) -> Span:
    return next(each for each in found if attributes(each).get("millrace.stage") == stage)


def test_spans_say_what_was_decided_found_used_and_answered() -> None:
    found = exported("What is the cash limit?")
    admitted = attributes(named(found, "admit"))
    assert (
        admitted
        | {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "rag.requests",
            "messaging.destination.partition.id": "0",
            "messaging.kafka.offset": 0,
            "messaging.consumer.group.name": "millrace.admit",
            "millrace.tenant": "acme",
            "millrace.request_id": "r0",
            "millrace.outcome": "done",
        }
        == admitted
    )
    assert attributes(named(found, "rewrite"))["millrace.variants"] == [
        "What is the cash limit?",
        "How much cash may a Classic card get?",
    ]
    retrieve = named(found, "retrieve")
    (chunk,) = attributes(retrieve)["millrace.chunk.ids"]
    embeddings, *rankings = below(retrieve, found)[:3]
    told = attributes(embeddings)
    assert told["gen_ai.operation.name"] == "embeddings"
    assert told["gen_ai.request.model"] == "bag" and told["gen_ai.provider.name"] == "millrace"
    assert told["gen_ai.usage.input_tokens"] == 13  # words of both variants
    assert embeddings.kind == Span.SPAN_KIND_INTERNAL
    sources = {attributes(each)["gen_ai.data_source.id"] for each in rankings}
    assert sources == {"dense", "lexical"}
    for each in rankings:
        assert attributes(each)["gen_ai.operation.name"] == "retrieval"
        (document,) = json.loads(attributes(each)["gen_ai.retrieval.documents"])
        assert document["id"] == chunk and document["score"] > 0
    rerank = attributes(named(found, "rerank"))
    assert rerank["millrace.tier"] == "told" and rerank["millrace.chunk.ids"] == [chunk]
    assert any(each.startswith("rerank: ordered by") for each in rerank["millrace.decisions"])
    generate = named(found, "generate.told")
    told = attributes(generate)
    assert (told["millrace.status"], told["millrace.citations"]) == ("answered", [chunk])
    assert told["gen_ai.usage.input_tokens"] == 1_053  # of all calls
    (chat,) = below(generate, found)[:1]
    told = attributes(chat)
    assert chat.kind == Span.SPAN_KIND_CLIENT
    assert told["gen_ai.operation.name"] == "chat" and told["gen_ai.request.model"] == "told"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (1_000, 100)
    assert told["millrace.cost"] == pytest.approx(0.003)
    assert LIMIT not in str(found), "no text of a document is in a span"


def test_every_name_of_the_conventions_is_in_their_registry() -> None:
    registry: set[str] = set()
    for area in ("messaging", "gen_ai", "error"):
        module = importlib.import_module(
            f"opentelemetry.semconv._incubating.attributes.{area}_attributes"
        )
        registry |= {each for each in vars(module).values() if isinstance(each, str)}
    stable = importlib.import_module("opentelemetry.semconv.attributes.error_attributes")
    registry |= {each for each in vars(stable).values() if isinstance(each, str)} | NEWER
    used = {name for span in exported("What is the cash limit?") for name in attributes(span)}
    assert {each for each in used if not each.startswith("millrace.")} <= registry
    assert len(used) > 20


def test_spans_of_a_batch_link_to_the_traces_that_its_calls_were_made_for_too() -> None:
    parents = [f"00-{number:032x}-{number:016x}-01" for number in (1, 2, 3)]
    found = exported("What is the cash limit?", "Which card?", "Who?", traceparent=parents)
    retrieved = [each for each in found if attributes(each).get("millrace.stage") == "retrieve"]
    assert len(retrieved) == 3
    for each in retrieved:
        others = {link.trace_id for link in each.links}
        assert others == {other.trace_id for other in retrieved} - {each.trace_id}
        assert attributes(each)["millrace.batch.size"] == 3
        documents = [
            json.loads(attributes(call).get("gen_ai.retrieval.documents", "[]"))
            for call in below(each, found)
            if call.name.startswith("retrieval ")
        ]
        assert len(documents) == 2  # in each trace, with what this question found
    rewritten = [each for each in found if attributes(each).get("millrace.stage") == "rewrite"]
    assert [len(each.links) for each in rewritten] == [0, 0, 0]  # one by one: no call is shared
    assert all(len(below(each, found)) == 2 for each in rewritten)  # its own, and the next step


def test_a_failed_call_and_what_was_done_without_it_are_told() -> None:
    found = exported("What is the cash limit?", model=AWAY)
    rewrite = named(found, "rewrite")
    chat = below(rewrite, found)[0]
    assert chat.name == "chat told" and chat.status.code == Status.STATUS_CODE_ERROR
    assert attributes(chat)["error.type"] == "Retry"
    told = attributes(rewrite)
    assert told["millrace.degraded"] is True and told["millrace.fallbacks"]
    assert rewrite.status.code == Status.STATUS_CODE_UNSET  # it did its work


def kept(found: Sequence[Span]) -> set[str]:
    """Which policies of the rendered collector keep a trace, but for the share that any has."""
    names: set[str] = set()
    for policy in sampling(None)["processors"]["tail_sampling"]["policies"]:
        how = policy[policy["type"]]
        for span in found:
            said = attributes(span).get(how.get("key"))
            if policy["type"] == "status_code":
                keeps = span.status.code == Status.STATUS_CODE_ERROR
            elif policy["type"] == "boolean_attribute":
                keeps = said is how["value"]
            elif policy["type"] == "numeric_attribute":
                keeps = isinstance(said, int) and how["min_value"] <= said <= how["max_value"]
            else:
                keeps = False
            if keeps:
                names.add(policy["name"])
    return names


def test_a_collector_keeps_what_failed_was_slow_or_took_a_fallback() -> None:
    ordinary = exported("What is the cash limit?")
    assert kept(ordinary) == set()
    assert kept(exported("What is the cash limit?", model=AWAY)) == {
        "errors",  # of the call
        "degraded",
    }
    begin = int(time.time() * 1000)
    assert kept(exported("What is the cash limit?", asked_at=begin - 6_000)) == {"slow-answers"}
    late = exported("What is the cash limit?", asked_at=begin - 60_000)
    assert kept(late) == {"errors", "slow-answers"}
    assert attributes(named(late, "admit"))["millrace.status"] == "expired"


def test_a_documents_change_is_one_trace_with_its_chunks() -> None:
    with collector() as (endpoint, found), ExitStack() as stack:
        driver = flow(open_spans(endpoint, "millrace.test", stack), MODEL)
        headers = [("traceparent", PARENT.encode())]
        driver.send(topics.DOCS_FEED, FED, headers=headers)
        driver.run()
        (indexed,) = driver.events(topics.DOCS_INDEXED)
    mine = [each for each in found if each.trace_id.hex() == TRACE]
    stages = {"ingest", "chunk", "embed", "index"}
    assert stages <= {attributes(each).get("millrace.stage") for each in mine}
    for stage in ("chunk", "embed", "index"):
        told = attributes(named(mine, stage))
        assert told["millrace.chunk.ids"] == indexed.chunk_ids
        assert (told["millrace.document.id"], told["millrace.document.version"]) == ("a.md", 1)
    (call,) = (each for each in below(named(mine, "embed"), mine) if "embeddings" in each.name)
    assert attributes(call)["gen_ai.request.model"] == "bag"


def test_a_collector_that_is_away_or_hangs_neither_harms_a_question_nor_holds_the_end_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "CLOSING_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    never = threading.Event()
    with collector(never) as (hanging, _):
        for endpoint in (f"http://127.0.0.1:{port}", hanging):
            with ExitStack() as stack:
                driver = flow(open_spans(endpoint, "millrace.test", stack), MODEL)
                driver.send(topics.DOCS_FEED, FED)
                driver.run()
                ask(driver, "What is the cash limit?")
                (answer,) = driver.events(topics.RAG_ANSWERS)
                assert answer.status == "answered"
                begin = time.monotonic()
            assert time.monotonic() - begin < 8  # an export takes 10 s before it gives up


def test_half_a_character_in_a_question_loses_no_span() -> None:
    found = exported('What is the "\ud800" limit?')
    admit = named(found, "admit")
    assert admit.status.code == Status.STATUS_CODE_ERROR
    assert attributes(admit)["error.type"] == "dead_letter"


@pytest.mark.parametrize(
    "header",
    [b"", b"-" * 55, b"00-" + b"z" * 32 + b"-" + b"0" * 16 + b"-01", b"\xff" * 55, b"00-1-2-3"],
)
@pytest.mark.parametrize("export", [False, True])
def test_a_malformed_trace_header_begins_a_trace_of_its_own(header: bytes, export: bool) -> None:
    with collector() as (endpoint, _), ExitStack() as stack:
        spans = open_spans(endpoint, "t", stack) if export else DerivedSpans()
        driver = flow(spans, MODEL)
        request = json.dumps({"tenant": "acme", "query": "What is the limit?"}).encode()
        driver.send(topics.RAG_REQUESTS, request, key=None, headers=[("traceparent", header)])
        driver.run()
        (answer,) = driver.records(topics.RAG_ANSWERS.name)
        said = next(value for name, value in answer.headers if name == "traceparent")
        assert said is not None
        version, trace_id, span_id, flags = said.decode().split("-")
        assert (len(trace_id), len(span_id)) == (32, 16)
        assert int(trace_id, 16) and int(span_id, 16)
        assert version == "00" and int(flags, 16) & 1  # sampled
