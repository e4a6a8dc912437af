"""An OpenTelemetry collector's door on loopback: OTLP over HTTP, in Protobuf."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@contextmanager
def collector(wait: threading.Event | None = None) -> Iterator[tuple[str, list[Span]]]:
    """Its address, and the spans it was sent; it answers nobody before `wait` is set."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if wait is not None:
                wait.wait()
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def handle_error(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            if wait is not None:
                wait.set()
            server.shutdown()
            thread.join()


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in span.attributes}


def _value(said: AnyValue) -> Any:
    kind = said.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in said.array_value.values]
    return getattr(said, kind) if kind else None


def below(parent: Span, spans: Sequence[Span]) -> list[Span]:
    """Its children, in the order in which they began."""
    found = [span for span in spans if span.parent_span_id == parent.span_id]
    return sorted(found, key=lambda span: (span.start_time_unix_nano, span.name))
