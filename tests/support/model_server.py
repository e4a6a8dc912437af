"""A server that speaks OpenAI's chat completions over HTTP, and says what a test tells it to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = 10  # an answer is sent in so many


class ModelServer(ThreadingHTTPServer):
    """`says` makes the text of a completion from a request; `body` is sent as it stands.

    Who asks for a stream gets the events of one, a word each.
    """

    daemon_threads = True
    says: Callable[[dict[str, Any]], str] | None = None
    answers: Callable[[dict[str, Any]], object] | None = None  # of other kinds of requests
    body = b""
    status = 200
    pause_s = 0.0  # before each piece
    headers: dict[str, str] = {}  # noqa: RUF012 - beside the usual ones
    cut_after = 0  # events of a stream, after which the line is dropped; 0: never
    cached = 0  # tokens of the input that were read before

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        server = self.server
        data = self.rfile.read(int(self.headers["Content-Length"]))
        asked: dict[str, Any] = json.loads(data)
        key = self.headers.get("Authorization")
        server.asked.append(asked | {"path": self.path, "key": key})
        body = server.body
        if server.says is not None:
            body = completion(server.says(asked), words_of(asked), asked["model"])
        if server.answers is not None:
            body = json.dumps(server.answers(asked)).encode()
        made = _as_completion(body) if server.status == 200 and asked.get("stream") else None
        if made is not None:
            self._stream(made)
            return
        self.send_response(server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        step = len(body) // PIECES + 1
        try:
            for at in range(0, len(body), step):
                time.sleep(server.pause_s)
                self.wfile.write(body[at : at + step])
                self.wfile.flush()
        except OSError:
            return  # the client has given up

    def _stream(self, made: dict[str, Any]) -> None:
        """The events of a completion. Without a length, as the end of the line ends it."""
        server = self.server
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        try:
            for number, event in enumerate(events(made, server.cached)):
                if server.cut_after and number == server.cut_after:
                    return
                time.sleep(server.pause_s)
                self.wfile.write(b"data: " + event + b"\n\n")
                self.wfile.flush()
        except OSError:
            return  # the client has given up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def serving(port: int = 0) -> Iterator[ModelServer]:
    """A server on this port of this machine, or on a free one."""
    with ModelServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _as_completion(body: bytes) -> dict[str, Any] | None:
    """What a body says, if it is a completion of text."""
    try:
        made: Any = json.loads(body)
        return made if isinstance(made["choices"][0]["message"]["content"], str) else None
    except (LookupError, TypeError, ValueError):
        return None


def events(made: dict[str, Any], cached: int = 0) -> Iterator[bytes]:
    """As a server streams it: a word each, then why it ended, then what was counted."""
    text: str = made["choices"][0]["message"]["content"]
    shared = {"id": made["id"], "object": "chat.completion.chunk", "created": 1,
              "model": made["model"]}  # fmt: skip

    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return json.dumps(shared | {"choices": [choice]}).encode()

    yield chunk({"role": "assistant", "content": ""})
    for word in re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+", text):
        yield chunk({"content": word})
    yield chunk({}, "stop")
    usage = made["usage"] | {"prompt_tokens_details": {"cached_tokens": cached}}
    yield json.dumps(shared | {"choices": [], "usage": usage}).encode()
    yield b"[DONE]"


def completion(text: object, asked: int = 7, model: str = "told") -> bytes:
    """A completion as OpenAI's endpoint gives it; a token is a word."""
    said = len(str(text).split())
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": said,
                "total_tokens": asked + said,
            },
        }
    ).encode()


def words_of(asked: dict[str, Any]) -> int:
    return sum(len(str(each["content"]).split()) for each in asked["messages"])
