"""A question's trace, from the topics alone, is a tree: what caused what."""

from __future__ import annotations

from typing import Any

from schemas import topics
from schemas.events import DocumentFed, QuestionAsked
from streams.app.topology import topology
from streams.edge.spans import Span, lines, tree_of
from streams.edge.steps import step_of
from streams.edge.trails import ON_THE_WAY
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts


def steps() -> list[dict[str, Any]]:
    """Of one question that went the whole way, as a trail has them."""
    driver = Driver(topology(CONFIG), FakePorts().opened)
    text = "The limit is 600 euros."
    fed = DocumentFed(op="upsert", tenant="acme", doc_id="a", body=text, title="T")
    driver.send(topics.DOCS_FEED, fed)
    driver.run()
    driver.send(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query="What is the limit?"))
    driver.run()
    found: list[dict[str, Any]] = []
    for topic in ON_THE_WAY:
        names = [n for n in driver.log if n == topic.name or n.startswith(f"{topic.name}.")]
        if topic is not topics.RAG_GENERATE:
            names = [topic.name]
        for name in names:
            found += [
                step_of(record, driver.codec.decode(topic, record.value))
                for record in driver.records(name)
            ]
    return found


def chain(span: Span) -> list[str]:
    """The names of its stages' spans, from it on."""
    names = [span.name]
    while onward := [each for each in span.children if each.topics]:
        (span,) = onward
        names.append(span.name)
    return names


def test_a_question_is_one_tree_of_one_trace_with_a_span_a_stage() -> None:
    found = steps()
    (root,) = tree_of(found)
    assert chain(root) == [
        "send rag.requests",
        "process rag.requests",
        "process rag.admitted",
        "process rag.rewritten",
        "process rag.retrieved",
        "process rag.generate.extractive",
    ]
    stages: list[Span] = root.children
    ids = set[str]()
    by: list[str] = []
    while stages:
        (span,) = [each for each in stages if each.topics]
        ids.add(span.trace_id)
        by.append(span.stage)
        stages = [each for each in span.children if each.topics]
    assert len(ids) == 1, "all spans are of one trace"
    assert by == ["admit", "rewrite", "retrieve", "rerank", "generate.extractive"]


def test_a_models_call_is_a_span_below_the_stage_that_made_it() -> None:
    (root,) = tree_of(steps())
    span = root
    while span.stage != "retrieve":
        (span,) = [each for each in span.children if each.topics]
    (call,) = [each for each in span.children if not each.topics]
    assert (call.name, call.span_id) == ("embeddings bag", "")
    assert call.attributes["gen_ai.usage.input_tokens"] == 4
    (chunk,) = span.attributes["millrace.chunk.ids"]
    (rerank,) = [each for each in span.children if each.topics]
    assert rerank.attributes["millrace.chunk.ids"] == [chunk]
    assert any("ordered by" in each for each in rerank.attributes["millrace.decisions"])


def test_what_a_stage_writes_of_one_record_is_one_span() -> None:
    (root,) = tree_of(steps())
    said = [*lines([root])]
    assert said[-1].strip().startswith("process rag.generate.extractive (generate.extractive)")
    assert said[-1].endswith("-> rag.answers, rag.closed")
    assert "    " * 2 + "embeddings bag  4 tokens read, 0 written" in said
    assert [len(line) - len(line.lstrip()) for line in said] == [0, 2, 4, 6, 8, 8, 10]


def test_a_trail_with_a_gap_has_a_root_for_each_part() -> None:
    found = [step for step in steps() if step["stage"] != "retrieve"]
    roots = tree_of(found)
    assert [chain(root)[0] for root in roots] == ["send rag.requests", "process (by rerank)"]


def test_a_header_that_is_no_traceparent_ends_nothing() -> None:
    found = steps()
    for said in ("", "-", "a-b-c-d-e", "-" * 55):
        spoiled = [{**step, "traceparent": said} for step in found]
        assert chain(tree_of(spoiled)[0])[-1].startswith("process rag.generate.")
