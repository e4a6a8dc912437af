"""Qdrant's REST API over the client's local mode, as far as it is used: a server to be stopped.

No package registry has Qdrant's own. What the real client sends is read by the client's models, and
its local mode does it; what is stored outlives a stop.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient, models

from streams.local.child import LOOPBACK
from tests.support.qdrant import OneAtATime

VERSION = "1.19.0"
_PLACE = re.compile(r"/collections/([^/?]+)(/[a-z/]+)?(\?.*)?")


class QdrantServer:
    """On a loopback port, which a restart keeps."""

    def __init__(self) -> None:
        self.collections: Any = OneAtATime(QdrantClient(":memory:"))
        self.port = 0
        self.calls = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        self._server = _Listening((LOOPBACK, self.port), self._handler())
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def stop(self) -> None:
        """It takes no connection any more; a line is one call's alone, so none is left."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            do_PUT = do_POST

            def _answer(self, body: bytes | None) -> None:
                status, said = owner.answered(self.command, self.path, body)
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        return Handler

    def answered(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        """The status and the body of an answer."""
        self.calls += 1
        if path == "/":
            return 200, {"title": "qdrant", "version": VERSION}
        if path.partition("?")[0] == "/collections":
            return 200, _said(self.collections.get_collections())
        found = _PLACE.fullmatch(path)
        assert found is not None, path
        does = _DOES[method, found[2] or ""]
        try:
            return 200, _said(does(self.collections, found[1], body or b""))
        except ValueError as error:  # of a collection that is not there, or is there already
            return 404, {"status": {"error": str(error)}}


class _Listening(ThreadingHTTPServer):
    daemon_threads = True


def _said(result: Any) -> Mapping[str, Any]:
    return {"result": _plain(result), "status": "ok", "time": 0.0}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _create(client: Any, name: str, body: bytes) -> bool:
    given = models.CreateCollection.model_validate_json(body)
    return client.create_collection(
        name,
        vectors_config=given.vectors,
        sparse_vectors_config=given.sparse_vectors,
        metadata=given.metadata,
    )


def _index(client: Any, name: str, body: bytes) -> Any:
    given = models.CreateFieldIndex.model_validate_json(body)
    return client.create_payload_index(name, given.field_name, given.field_schema)


def _retrieve(client: Any, name: str, body: bytes) -> Any:
    given = models.PointRequest.model_validate_json(body)
    return client.retrieve(
        name, given.ids, with_payload=given.with_payload, with_vectors=bool(given.with_vector)
    )


def _update(client: Any, name: str, body: bytes) -> Any:
    given = models.UpdateOperations.model_validate_json(body)
    return client.batch_update_points(name, given.operations)


def _query(client: Any, name: str, body: bytes) -> Any:
    given = TypeAdapter(models.QueryRequestBatch).validate_json(body)
    return client.query_batch_points(name, given.searches)


def _scroll(client: Any, name: str, body: bytes) -> Any:
    given = models.ScrollRequest.model_validate_json(body)
    points, offset = client.scroll(
        name,
        given.filter,
        given.limit,
        offset=given.offset,
        with_payload=True if given.with_payload is None else given.with_payload,
    )
    return {"points": _plain(points), "next_page_offset": offset}


def _count(client: Any, name: str, body: bytes) -> Any:
    given = models.CountRequest.model_validate_json(body)
    return client.count(name, given.filter, exact=True)


def _facet(client: Any, name: str, body: bytes) -> Any:
    given = models.FacetRequest.model_validate_json(body)
    return client.facet(name, given.key, facet_filter=given.filter, limit=given.limit, exact=True)


Does = Callable[[Any, str, bytes], Any]
_DOES: Mapping[tuple[str, str], Does] = {
    ("GET", "/exists"): lambda client, name, _: {"exists": client.collection_exists(name)},
    ("GET", ""): lambda client, name, _: client.get_collection(name),
    ("PUT", ""): _create,
    ("PUT", "/index"): _index,
    ("POST", "/points"): _retrieve,
    ("POST", "/points/batch"): _update,
    ("POST", "/points/query/batch"): _query,
    ("POST", "/points/scroll"): _scroll,
    ("POST", "/points/count"): _count,
    ("POST", "/facet"): _facet,
}
