"""What drills are made of does what it says, and the page is what they found."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from evaluation.quality.asking import Reply
from evaluation.quality.scoring import Scores
from tests.chaos import drill, rig, table
from tests.chaos.faults import FAULTS
from tests.chaos.line import Line


@pytest.fixture
def line() -> Iterator[Line]:
    """A line to a server that says again what it hears."""

    def serve(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=again, args=(client,), daemon=True).start()

    def again(client: socket.socket) -> None:
        with client:
            while data := client.recv(100):
                client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        with Line(server.getsockname()[1]) as made:
            yield made
        server.shutdown(socket.SHUT_RDWR)


def talk(line: Line) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", line.port), 5)
    made.settimeout(5)
    return made


def test_a_line_passes_on_and_can_be_slow(line: Line) -> None:
    with talk(line) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        line.delay_s = 0.3
        begun = time.monotonic()
        client.sendall(b"two")
        assert client.recv(100) == b"two"
        assert time.monotonic() - begun >= 0.3


def test_a_line_that_is_cut_ends_what_is_open_and_lets_nobody_in(line: Line) -> None:
    with talk(line) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        line.cut = True
        assert client.recv(100) == b""
    with talk(line) as client:
        assert client.recv(100) == b""
    line.cut = False
    with talk(line) as client:
        client.sendall(b"two")
        assert client.recv(100) == b"two"


def test_the_modest_model_answers_from_a_passage_or_not_at_all() -> None:
    prompt = "Question: What is the daily limit?\n\nPassages:\n\n[1] Fees\nA card costs 5 euros."
    prompt += "\n\n[2] Limits\nNothing here. The daily limit is 600 euros."
    asked = {"messages": [{"content": "rules"}, {"content": prompt}]}
    assert rig.said(asked) == "The daily limit is 600 euros. [2]"
    asked["messages"][1]["content"] = "Question: Why?\n\nPassages:\n\n[1] Fees\nA card costs 5."
    assert rig.said(asked) == "NO_ANSWER"


def test_a_fault_under_which_answers_are_less_faithful_is_told() -> None:
    def row(*values: float) -> drill.Row:
        scores = [Scores({"faithfulness": each}) for each in values] or [Scores()]
        replies = [Reply(None, error="none")] * len(scores)
        heard = drill.Heard("none", "", replies, [1.0] * len(scores))
        return drill.row(heard, drill.sample()[: len(scores)], scores)

    normal = row(1.0, 1.0, 0.5, 1.0)
    assert not drill.worse(normal, row(1.0, 1.0, 1.0))
    assert drill.worse(normal, row(0.0, 0.2, 0.1))
    assert not drill.worse(normal, row()), "who says nothing says nothing wrong"
    assert normal["failed"] == 4


def found() -> dict[str, Any]:
    return json.loads(table.RESULTS.read_text("utf-8"))


def test_every_fault_was_tried_and_none_made_answers_less_faithful() -> None:
    normal, *faults = found()["faults"]
    assert [each["fault"] for each in faults] == [each.name for each in FAULTS]
    assert len(faults) >= 10
    assert normal["scores"]["faithfulness"]["of"] >= 10
    assert not [each["fault"] for each in faults if drill.worse(normal, each)]


def test_the_page_shows_what_was_found() -> None:
    page = table.PAGE.read_text("utf-8")
    assert page == table.put(page, found()), "run: python -m tests.chaos --page"
