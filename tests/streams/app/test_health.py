"""What a worker says of itself over HTTP, for whoever restarts it."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from streams.app import host
from streams.runtime.room import Room
from streams.runtime.worker import Worker


class Stage:
    """A stage's worker that hangs, ends or goes on, as told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hangs = False
        self.ends = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        self.ends.wait(30)

    def stuck(self) -> bool:
        return self.hangs


def _healthz(port: int) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_process_is_not_healthy_whose_stage_hangs_or_has_ended(tmp_path: Path) -> None:
    hangs, ends, works = Stage("hangs"), Stage("ends"), Stage("works")
    worker = Worker([hangs, ends, works])  # type: ignore[list-item]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    room = Room(tmp_path, 0)
    with host.serve("127.0.0.1", port, lambda: True, list, room, worker.broken):
        assert _healthz(port) == (200, {"healthy": True, "broken": []}), "it has not begun yet"
        worker.start()
        assert _healthz(port)[0] == 200
        hangs.hangs = True
        assert _healthz(port) == (503, {"healthy": False, "broken": ["hangs"]})
        ends.ends.set()
        worker._threads[1].join()
        assert _healthz(port) == (503, {"healthy": False, "broken": ["ends", "hangs"]})
        for each in (hangs, works):
            each.ends.set()
        worker.join()
