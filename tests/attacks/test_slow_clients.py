"""Clients that open connections and ask nothing."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from streams.app import host
from streams.runtime.room import Room


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_clients_that_ask_nothing_hold_no_threads_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "CLIENT_S", 0.5)
    port, before = free_port(), threading.active_count()
    with host.serve("127.0.0.1", port, lambda: True, list, Room(tmp_path, 0)):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for each in idle[::2]:
            each.sendall(b"GET /metrics HTTP/1.1\r\nX: ")  # and never the end
        url = f"http://127.0.0.1:{port}/readyz"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200, "others are answered meanwhile"
        until = time.monotonic() + 20
        while threading.active_count() > before + 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert threading.active_count() <= before + 1
        for each in idle:
            each.close()
