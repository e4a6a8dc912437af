"""Variants by a model, that may be slow, broken or talkative."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.openai_compatible import OpenAICompatible
from processors.rewrite import DEGRADED, VariantsConfig, rewrite, variants_in
from schemas.errors import Retry
from schemas.events import QuestionAdmitted
from tests.test_retrieve import question


class Server(ThreadingHTTPServer):
    """Answers with what the test sets; remembers what it was asked."""

    daemon_threads = True
    body = b""
    status = 200
    pause_s = 0.0  # before each of ten pieces
    asked: dict[str, object]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked = json.loads(data) | {
            "path": self.path,
            "key": self.headers.get("Authorization"),
        }
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        step = len(self.server.body) // 10 + 1
        try:
            for at in range(0, len(self.server.body), step):
                time.sleep(self.server.pause_s)
                self.wfile.write(self.server.body[at : at + step])
                self.wfile.flush()
        except OSError:
            return  # the client has given up

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def model(server: Server) -> Iterator[OpenAICompatible]:
    url = f"http://127.0.0.1:{server.server_port}/v1/"
    made = OpenAICompatible(url, "small", key="secret", timeout_s=0.5)
    yield made
    made.close()


def completion(text: object) -> bytes:
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return json.dumps({"choices": [{"message": {"content": text}}], "usage": usage}).encode()


def rewritten(model: OpenAICompatible, query: str = "What is AC-2?"):
    event = QuestionAdmitted(question=question(query), degraded=["a"], timings_ms={})
    (result,) = rewrite(event, generator=model, config=VariantsConfig("Rewrite."))
    return result


def test_a_model_adds_up_to_three_variants(server: Server, model: OpenAICompatible) -> None:
    server.body = completion("1. what is ac-2?\n- Meaning of AC-2\n\nAC-2 scope\nB\nC\nD")
    result = rewritten(model)
    assert result.variants == ["What is AC-2?", "Meaning of AC-2", "AC-2 scope", "B"]
    assert result.degraded == ["a"]
    assert server.asked["path"] == "/v1/chat/completions"
    assert server.asked["key"] == "Bearer secret"
    assert server.asked["model"] == "small"
    messages = server.asked["messages"]
    assert messages == [
        {"role": "system", "content": "Rewrite."},
        {"role": "user", "content": "What is AC-2?"},
    ]


def test_tokens_are_those_the_model_counted(server: Server, model: OpenAICompatible) -> None:
    server.body = completion("x")
    made = model.complete("", "q", most_tokens=5)
    assert (made.text, made.input_tokens, made.output_tokens) == ("x", 7, 3)


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
    server: Server, model: OpenAICompatible, body: bytes
) -> None:
    server.body = body
    result = rewritten(model)
    assert result.variants == ["What is AC-2?"]
    assert result.degraded == ["a", DEGRADED]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_a_refusal_is_no_variants(server: Server, model: OpenAICompatible, status: int) -> None:
    server.status, server.body = status, completion("x")
    assert rewritten(model).degraded == ["a", DEGRADED]


@pytest.mark.parametrize("pause_s", [0.8, 0.15])  # silence, and an answer that drips in
def test_a_slow_model_costs_its_time_out_and_no_more(
    server: Server, model: OpenAICompatible, pause_s: float
) -> None:
    server.body, server.pause_s = completion("x" * 50), pause_s
    begin = time.monotonic()
    assert rewritten(model).degraded == ["a", DEGRADED]
    assert time.monotonic() - begin < 1.4


def test_a_model_that_is_not_there_is_retry(server: Server) -> None:
    nobody = OpenAICompatible("http://127.0.0.1:9", "m", timeout_s=0.5)
    with pytest.raises(Retry, match="does not answer"):
        nobody.complete("", "q", most_tokens=1)
    nobody.close()


def test_variants_are_lines_without_marks_and_repeats() -> None:
    text = '* One?\n2) Two?\n  one?\n"Three?"\n'
    assert variants_in(text, "zero") == ["One?", "Two?", "Three?"]
