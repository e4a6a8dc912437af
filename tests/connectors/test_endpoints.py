"""Vectors and re-ordering over the wire, and what goes wrong with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from connectors.openai_compatible.calls import FAILURES, Endpoint
from connectors.openai_compatible.embedder import Encoder, EndpointEmbedder
from connectors.openai_compatible.reranker import EndpointReranker, Form
from processors.models import Ranked
from processors.ports import Passage
from streams.flow.errors import Retry, UserError
from tests.support.model_server import ModelServer, serving


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as made:
        yield made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def vectors(asked: dict[str, Any]) -> dict[str, Any]:
    """Of each text its length and that of its last word; out of order, as a server may."""
    data = [
        {"object": "embedding", "index": at, "embedding": [len(t), len(t.split()[-1]), 0.0]}
        for at, t in enumerate(asked["input"])
    ]
    read = sum(len(text.split()) for text in asked["input"])
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "model": asked["model"], "data": data[::-1], "usage": usage}


def opened(server: ModelServer, stack: ExitStack, **said: Any) -> EndpointEmbedder:
    counted: Callable[[int], None] = said.pop("counted", lambda _: None)
    encoder = Encoder("bag", **{"dimensions": 3, **said})
    model = EndpointEmbedder(Endpoint(server.url, retries=0), encoder, counted=counted)
    stack.callback(model.close)
    return model


def test_vectors_are_unit_vectors_in_the_order_of_the_texts(
    server: ModelServer, stack: ExitStack
) -> None:
    server.answers = vectors
    read: list[int] = []
    model = opened(server, stack, counted=read.append, query_prefix="query: ", batch=2)
    found = model.embed_queries(["a", "b c", "d e f"])
    assert found.shape == (3, 3) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-6)
    assert found[0, 0] / found[0, 1] == pytest.approx(len("query: a") / 1)
    assert found[2, 0] / found[2, 1] == pytest.approx(len("query: d e f") / 1)
    assert sorted(len(each["input"]) for each in server.asked) == [1, 2]
    assert sum(read) == 9  # the server's own count, the prefixes' words among them


def test_a_passage_is_read_with_its_context_and_its_sentences_if_set_so(
    server: ModelServer, stack: ExitStack
) -> None:
    server.answers = vectors
    passage = Passage("Title", "One. Two three.", [0, 4, 5, 15])
    (alone,) = opened(server, stack, passage_prefix="p: ").embed_passages([passage])
    assert alone.sentences.shape == (0, 3)
    assert server.asked[0]["input"] == ["p: Title\nOne. Two three."]
    whole, other = opened(server, stack, sentences=True).embed_passages([passage, passage])
    assert whole.sentences.shape == (2, 3) and whole.vector.dtype == np.float16
    assert server.asked[1]["input"][1:3] == ["One.", "Two three."]
    np.testing.assert_array_equal(whole.sentences, other.sentences)


def test_vectors_of_another_size_are_told_at_start(server: ModelServer, stack: ExitStack) -> None:
    server.answers = vectors
    with pytest.raises(UserError, match="3 dimensions, and MILLRACE_ENCODER__DIMENSIONS is 384"):
        opened(server, stack, dimensions=384).open()


def test_a_wrong_key_is_told_at_start_and_a_server_that_is_away_is_not(
    server: ModelServer, stack: ExitStack
) -> None:
    server.status, server.body = 503, b"{}"
    opened(server, stack).open()
    server.status = 401
    with pytest.raises(UserError, match="says 401"):
        opened(server, stack).open()


@pytest.mark.parametrize(
    "rows", [[], [[1.0, 2.0, 3.0]] * 2, [[0.0, 0.0, 0.0]], [[float("nan"), 1.0, 1.0]], [["x"]]]
)
def test_what_are_no_vectors_is_retried(
    server: ModelServer, stack: ExitStack, rows: list[list[Any]]
) -> None:
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    server.answers = lambda _: {"object": "list", "model": "m", "data": data}
    with pytest.raises(Retry):
        opened(server, stack).embed_queries(["a"])


def scored(asked: dict[str, Any]) -> Any:
    """Longer passages first, as each of the two kinds of servers says it."""
    if "texts" in asked:
        return [{"index": i, "score": len(text)} for i, text in enumerate(asked["texts"])]
    found = [{"index": i, "relevance_score": len(d)} for i, d in enumerate(asked["documents"])]
    return {"model": "m", "results": sorted(found, key=lambda each: -each["relevance_score"])}


def reranker(
    server: ModelServer, stack: ExitStack, form: Form = "jina", **said: Any
) -> EndpointReranker:
    model = EndpointReranker(Endpoint(server.url, **{"retries": 0, **said}), "big", form=form)
    stack.callback(model.close)
    return model


@pytest.mark.parametrize("form", ["jina", "tei"])
def test_passages_are_scored_in_their_order_of_all_questions(
    server: ModelServer, stack: ExitStack, form: Form
) -> None:
    server.answers = scored
    asked = [Ranked("q", ["a", "bbb", "cc"]), Ranked("r", []), Ranked("s", ["dddd"])]
    found = reranker(server, stack, form).scores(asked, within_s=5)
    assert [[*each.scores] for each in found] == [[1, 3, 2], [], [4]]
    assert {each["path"] for each in server.asked} == {"/v1/rerank"}
    assert sorted(each["query"] for each in server.asked) == ["q", "s"]


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ({"usage": {"total_tokens": 41}}, 41),  # as Jina and vLLM
        ({"meta": {"tokens": {"input_tokens": 17}}}, 17),  # as Cohere
        ({"usage": {"total_tokens": "many"}}, 0),
        ({"usage": None, "meta": []}, 0),
    ],
)
def test_a_reranker_says_what_its_server_counted(
    server: ModelServer, stack: ExitStack, said: dict[str, object], tokens: int
) -> None:
    server.answers = lambda _: {"results": [{"index": 0, "relevance_score": 1.0}], **said}
    (found,) = reranker(server, stack).scores([Ranked("q", ["a"])], within_s=5)
    assert (*found.scores, found.input_tokens) == (1.0, tokens)


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        {"results": [{"index": 0, "relevance_score": 1.0}]},
        {"results": [{"index": i, "relevance_score": None} for i in range(2)]},
        {"results": [{"index": i, "relevance_score": float("nan")} for i in range(2)]},
    ],
)
def test_what_are_no_scores_is_retry(server: ModelServer, stack: ExitStack, said: object) -> None:
    server.answers = lambda _: said
    with pytest.raises(Retry):
        reranker(server, stack).scores([Ranked("q", ["a", "b"])], within_s=5)


def test_a_slow_reranker_costs_what_there_is_and_then_nothing(
    server: ModelServer, stack: ExitStack
) -> None:
    server.body, server.pause_s = json.dumps({"results": []}).encode(), 1.0
    model = reranker(server, stack)
    model.open()
    began = time.monotonic()
    for _ in range(FAILURES + 20):
        with pytest.raises(Retry):
            model.scores([Ranked("q", ["a"])], within_s=0.1)
    assert time.monotonic() - began < FAILURES * 0.1 + 1.0


def test_an_answer_that_nests_without_end_is_retried(server: ModelServer, stack: ExitStack) -> None:
    server.body = b"[" * 100_000
    with pytest.raises(Retry, match="no answer that can be read"):
        opened(server, stack).embed_queries(["a"])
