"""A server that speaks OpenAI's chat completions over HTTP, and says what a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = 10  # an answer is sent in so many


class ModelServer(ThreadingHTTPServer):
    """`says` makes the text of a completion from a request; `body` is sent as it stands."""

    daemon_threads = True
    says: Callable[[dict[str, Any]], str] | None = None
    body = b""
    status = 200
    pause_s = 0.0  # before each piece

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
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
        self.send_response(server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        step = len(body) // PIECES + 1
        try:
            for at in range(0, len(body), step):
                time.sleep(server.pause_s)
                self.wfile.write(body[at : at + step])
                self.wfile.flush()
        except OSError:
            return  # the client has given up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A server on a free port of this machine."""
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


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
