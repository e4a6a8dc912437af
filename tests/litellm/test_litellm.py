"""A tier of another API: LiteLLM against a server that speaks Anthropic's. `make test-litellm`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.openai_compatible.port import generator
from connectors.openai_compatible.tiers import TiersSettings
from streams.flow.errors import Retry
from streams.flow.port import Opening

WORDS = ["The ", "fee ", "is ", "9 ", "euros."]


class Server(ThreadingHTTPServer):
    """Says `WORDS`, as Anthropic's streams do; or with another status, why not."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.pause_s = 0.0
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append((self.path, body, self.headers.get("x-api-key")))
        self.send_response(server.status)
        stream = server.status == 200
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.end_headers()
        if not stream:
            error = {"type": "authentication_error", "message": "invalid x-api-key"}
            self.wfile.write(json.dumps({"type": "error", "error": error}).encode())
            return
        try:
            for kind, said in _events():
                time.sleep(server.pause_s)
                data = json.dumps({"type": kind, **said})
                self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return  # the client has given up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


def _events() -> Iterator[tuple[str, dict[str, Any]]]:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "c"}
    usage = {"input_tokens": 21, "output_tokens": 1}
    yield "message_start", {"message": message | {"stop_reason": None, "usage": usage}}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    for word in WORDS:
        delta = {"type": "text_delta", "text": word}
        yield "content_block_delta", {"index": 0, "delta": delta}
    yield "content_block_stop", {"index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"delta": ended, "usage": {"output_tokens": 5}}
    yield "message_stop", {}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(server: Server, stack: ExitStack, tmp_path: Path, **said: Any) -> Any:
    url = f"http://127.0.0.1:{server.server_port}"
    tier = {"api": "litellm", "url": url, "model": "anthropic/claude-test", "key": "k-1", **said}
    return generator(
        "premium", TiersSettings.model_validate({"premium": tier}), Opening(tmp_path, stack)
    )


def test_an_answer_is_streamed_and_counted_by_its_server(
    server: Server, stack: ExitStack, tmp_path: Path
) -> None:
    heard: list[str] = []
    found = opened(server, stack, tmp_path).complete(
        "Quote.", "What is the fee?", most_tokens=50, told=heard.append
    )
    assert found.text == "The fee is 9 euros."
    assert "".join(heard) == found.text and len(heard) == len(WORDS)
    assert (found.input_tokens, found.output_tokens) == (21, 5)
    ((path, body, key),) = server.asked
    assert (path, key) == ("/v1/messages", "k-1")
    assert body["model"] == "claude-test" and body["max_tokens"] == 50


def test_a_call_ends_in_its_time(server: Server, stack: ExitStack, tmp_path: Path) -> None:
    model = opened(server, stack, tmp_path, timeout_s=1.0)
    server.pause_s = 0.5
    begun = time.monotonic()
    with pytest.raises(Retry, match=r"does not answer in time: took more than 1 s"):
        model.complete("Quote.", "What is the fee?", most_tokens=50)
    assert time.monotonic() - begun < 2.0


def test_a_wrong_key_names_the_setting(server: Server, stack: ExitStack, tmp_path: Path) -> None:
    server.status = 401
    with pytest.raises(Retry, match="MILLRACE_TIERS__PREMIUM__KEY") as told:
        opened(server, stack, tmp_path).complete("Quote.", "What?", most_tokens=50)
    assert "k-1" not in str(told.value)
