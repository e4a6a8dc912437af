"""A schema registry on a loopback port that can be away: it keeps schemas, and checks nothing."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class RegistryServer:
    """Answers as a Confluent-compatible registry does, or 503 while `away`."""

    def __init__(self) -> None:
        self.away = False
        self.status = 0  # of all answers, unless 0
        self.calls: list[str] = []
        self.schemas: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = int(self.path.rpartition("/")[2])
                known = 0 < number <= len(registry.schemas)
                schema = registry.schemas[number - 1] if known else ""
                self._reply(200 if known else 404, {"schema": schema})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if body["schema"] not in registry.schemas and not registry.away:
                    registry.schemas.append(body["schema"])
                known = body["schema"] in registry.schemas
                self._reply(200, {"id": registry.schemas.index(body["schema"]) + 1 if known else 0})

            def _reply(self, status: int, answer: dict[str, Any]) -> None:
                registry.calls.append(self.path)
                data = json.dumps({} if registry.away else answer).encode()
                self.send_response(503 if registry.away else registry.status or status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
