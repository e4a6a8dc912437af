"""Variants by a model, that may be slow, broken or talkative."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.memory.sessions import MemorySessions
from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.generator import OpenAICompatible
from processors.questions.answers import now_ms
from processors.questions.rewrite import DEGRADED, VariantsConfig, lines_of, variants_in
from processors.questions.rewrite import rewrite as spelled
from schemas.events import ModelUsage, QuestionAdmitted
from streams.flow.errors import Retry
from tests.support.hanging import hanging
from tests.support.model_server import ModelServer, completion, serving
from tests.support.prices import PRICES
from tests.support.question_events import carried


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as made:
        yield made


@pytest.fixture
def model(server: ModelServer) -> Iterator[OpenAICompatible]:
    made = OpenAICompatible(
        Endpoint(f"{server.url}/", key=lambda: "secret", timeout_s=0.5), "small"
    )
    made.open()
    yield made
    made.close()


def rewrite(event: QuestionAdmitted, *, generator: OpenAICompatible, config: VariantsConfig):
    return spelled(event, sessions=MemorySessions(), now=now_ms, generator=generator, config=config)


def rewritten(model: OpenAICompatible, query: str = "What is AC-2?"):
    event = QuestionAdmitted(carried=carried(query, variants=[], degraded=["a"]))
    (result,) = rewrite(event, generator=model, config=VariantsConfig("Rewrite."))
    return result.carried


def test_a_model_adds_up_to_three_variants(server: ModelServer, model: OpenAICompatible) -> None:
    server.body = completion("1. what is ac-2?\n- Meaning of AC-2\n\nAC-2 scope\nB\nC\nD")
    result = rewritten(model)
    assert result.variants == ["What is AC-2?", "Meaning of AC-2", "AC-2 scope", "B"]
    assert result.degraded == ["a"]
    (asked,) = server.asked
    assert asked["path"] == "/v1/chat/completions"
    assert asked["key"] == "Bearer secret"
    assert asked["model"] == "small"
    assert asked["messages"] == [
        {"role": "system", "content": "Rewrite."},
        {"role": "user", "content": "What is AC-2?"},
    ]


def test_tokens_are_those_the_model_counted(server: ModelServer, model: OpenAICompatible) -> None:
    server.body = completion("x y z", 7)
    made = model.complete("", "q", most_tokens=5)
    assert (made.text, made.input_tokens, made.output_tokens) == ("x y z", 7, 3)


def test_what_the_model_was_paid_for_is_counted_even_if_it_said_nothing_usable(
    server: ModelServer, model: OpenAICompatible
) -> None:
    server.body = completion("What is AC-2?", 1000)
    event = QuestionAdmitted(carried=carried("What is AC-2?", variants=[]))
    (result,) = rewrite(event, generator=model, config=VariantsConfig(prices=PRICES))
    assert result.carried.variants == ["What is AC-2?"]
    assert result.carried.usage == [
        ModelUsage(
            operation="rewrite",
            model="small",
            input_tokens=1000,
            output_tokens=3,
            cost_nanos=2_000_000 + 30_000,
            prices="p-1 of 2026-11-01",
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"choices": []}',
        completion(None),
        completion({"a": 1}),
        completion(""),
        completion("What is AC-2?\n" + "word " * 500),
    ],
)
def test_junk_leaves_the_question_alone_and_says_so(
    server: ModelServer, model: OpenAICompatible, body: bytes
) -> None:
    server.body = body
    result = rewritten(model)
    assert result.variants == ["What is AC-2?"]
    assert result.degraded == ["a", DEGRADED]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_a_refusal_is_no_variants(
    server: ModelServer, model: OpenAICompatible, status: int
) -> None:
    server.status, server.body = status, completion("x")
    assert rewritten(model).degraded == ["a", DEGRADED]
    with pytest.raises(Retry, match=f"says {status}"):
        model.complete("", "q", most_tokens=1)


@pytest.mark.parametrize("said", [{"message": "too many tokens"}, "too many tokens"])
def test_a_refusal_says_why(server: ModelServer, model: OpenAICompatible, said: object) -> None:
    server.status, server.body = 400, json.dumps({"error": said}).encode()
    with pytest.raises(Retry, match="says 400: too many tokens"):
        model.complete("", "q", most_tokens=1)


@pytest.mark.parametrize("pause_s", [0.8, 0.15])  # silence, and an answer that drips in
def test_a_slow_model_costs_its_time_out_and_no_more(
    server: ModelServer, model: OpenAICompatible, pause_s: float
) -> None:
    server.body, server.pause_s = completion("x" * 50), pause_s
    begin = time.monotonic()
    assert rewritten(model).degraded == ["a", DEGRADED]
    assert time.monotonic() - begin < 1.4


def test_a_model_that_is_not_there_is_retry(server: ModelServer) -> None:
    nobody = OpenAICompatible(Endpoint("http://127.0.0.1:9", timeout_s=0.5), "m")
    with pytest.raises(Retry, match="does not answer"):
        nobody.complete("", "q", most_tokens=1)
    nobody.close()


def test_a_model_that_obeys_a_schema_is_asked_for_json(
    server: ModelServer, model: OpenAICompatible
) -> None:
    server.body = completion(json.dumps({"wordings": ["Meaning of AC-2", "two\nlines", 7]}))
    event = QuestionAdmitted(carried=carried("What is AC-2?", variants=[]))
    config = VariantsConfig("Rewrite.", structured=True)
    (result,) = rewrite(event, generator=model, config=config)
    assert result.carried.variants == ["What is AC-2?", "Meaning of AC-2", "two lines"]
    form = server.asked[0]["response_format"]["json_schema"]
    assert (form["strict"], form["schema"]["required"]) == (True, ["wordings"])
    server.body = completion("A wording as text")  # one that does not obey
    (result,) = rewrite(event, generator=model, config=config)
    assert result.carried.variants == ["What is AC-2?", "A wording as text"]
    server.body = completion('{"other": []}')
    (result,) = rewrite(event, generator=model, config=config)
    assert result.carried.degraded == [DEGRADED]


def test_variants_are_lines_without_marks_and_repeats() -> None:
    text = '* One?\n2) Two?\n  one?\n"Three?"\n'
    assert variants_in(text, "zero") == ["One?", "Two?", "Three?"]


def test_a_model_that_hangs_costs_the_first_questions_its_time_out_and_the_others_nothing() -> None:
    with hanging() as server:
        url = f"http://127.0.0.1:{server.port}"
        with closing(OpenAICompatible(Endpoint(url, timeout_s=0.2), "m")) as model:
            begin = time.monotonic()
            results = [rewritten(model) for _ in range(100)]
            assert 0.6 <= time.monotonic() - begin < 2.0
            assert len(server.connections) == 3
    assert all(each.variants == ["What is AC-2?"] for each in results)
    assert all(each.degraded == ["a", DEGRADED] for each in results)


def test_a_model_that_nests_without_end_gives_no_wordings_and_ends_no_stage() -> None:
    deep = "[" * 8_000
    assert lines_of(deep) == deep and variants_in(deep, "q") == []
