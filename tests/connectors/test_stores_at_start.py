"""A store that cannot serve is named when a worker starts, with the remedy."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient

from connectors.opensearch.client import Client
from connectors.qdrant import client as qdrant
from connectors.qdrant.making import Making, make
from streams.app.settings import Settings
from streams.app.stores import IndexSettings, index
from streams.flow.errors import UserError
from streams.flow.port import Opening
from tests.support.qdrant import OneAtATime


@contextmanager
def saying(answers: dict[str, Any], status: int = 200) -> Generator[str]:
    """A server that is no store, and says this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ({"number": "8.11.0"}, "no OpenSearch 8.11.0"),
        ({"number": "1.3.9", "distribution": "opensearch"}, "opensearch 1.3.9"),
        ({"number": "4.0.0", "distribution": "opensearch"}, "opensearch 4.0.0"),
    ],
)
def test_an_opensearch_of_another_version_is_named(version: dict[str, str], said: str) -> None:
    with saying({"/": {"version": version}}) as url:
        client = Client(url)
        with pytest.raises(UserError, match=f"is {said}, and OpenSearch 2.11 to 3 is supported"):
            client.check()
        client.close()


def test_an_opensearch_that_is_not_there_is_named() -> None:
    client = Client("http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"does not answer at http://127\.0\.0\.1:9 "):
        client.check(patience_s=0)
    client.close()


COLLECTIONS = {"result": {"collections": []}, "status": "ok", "time": 0}


def connect(url: str) -> Any:
    return qdrant.connect(url, grpc_port=9, prefer_grpc=False)


def test_a_qdrant_of_another_version_is_named() -> None:
    said = {"/collections": COLLECTIONS, "/": {"title": "qdrant", "version": "1.18.2"}}
    with saying(said) as url, pytest.raises(UserError, match=r"is Qdrant 1.18.2, and 1.19 or a"):
        qdrant.check(connect(url), url)


def test_a_qdrant_that_lets_nobody_in_or_is_not_there_is_named() -> None:
    with saying({}, 403) as url, pytest.raises(UserError, match=r"lets nobody in.*QDRANT__KEY"):
        qdrant.check(connect(url), url)
    with pytest.raises(UserError, match=r"does not answer at http://127\.0\.0\.1:9 "):
        qdrant.check(connect("http://127.0.0.1:9"), "http://127.0.0.1:9", patience_s=0)


def test_a_collection_for_other_vectors_or_of_somebody_else_is_refused() -> None:
    client = OneAtATime(QdrantClient(":memory:"))
    make(client, "c", Making(), dimensions=8, model="m")
    make(client, "c", Making(), dimensions=8, model="m")
    for size, model, why in (
        (16, "m", "8 dimensions, and the model gives 16"),
        (8, "n", "vectors of m, and the model is n"),
    ):
        with pytest.raises(UserError, match=f"{why}: name another index version"):
            make(client, "c", Making(), dimensions=size, model=model)
    client.create_collection("theirs", vectors_config={})
    with pytest.raises(UserError, match="was not made by Millrace"):
        make(client, "theirs", Making(), dimensions=8, model="m")


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"lexical": "opensearch"}, "MILLRACE_OPENSEARCH__URL"),
        ({"dense": "qdrant"}, "MILLRACE_QDRANT__URL"),
    ],
)
def test_a_store_without_an_address_is_asked_for_it(
    chosen: dict[str, str], missing: str, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path, index=chosen)
    with ExitStack() as stack, pytest.raises(UserError, match=f"set {missing}"):
        index(settings, Opening(tmp_path, stack))


def test_one_process_has_the_index_where_a_folder_is_part_of_it() -> None:
    assert IndexSettings().here
    assert IndexSettings(lexical="opensearch").here
    assert not IndexSettings(dense="qdrant", lexical="opensearch").here
    assert IndexSettings(dense="qdrant", lexical="opensearch").stores == ("opensearch", "qdrant")
