"""A disk that is nearly full: documents wait, questions go on, and all resumes by itself."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from streams.app import host
from streams.runtime.room import Room, sentence
from tests.system.copying import copying
from tests.system.harness import Bench, fed, until

NEVER = 10**9  # megabytes: no disk has so many free


def test_what_nobody_waits_for_waits_for_room_and_goes_on_by_itself(bench: Bench) -> None:
    room = Room(bench.settings.data, NEVER)
    bench.send([fed(0, 0), fed(0, 1)])
    with bench.working(copying(bench.prefix), room=room):
        until(room.short, "it to be seen")
        time.sleep(1.5)
        assert bench.committed() == 0
        room.floor_mb = 0
        bench.await_consumed()
    bench.assert_copied(2, keys=1)


def test_a_full_disk_is_told_by_readiness_and_in_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(tmp_path / "not-there-yet", NEVER)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with host.serve("127.0.0.1", port, lambda: True, list, room):
        url = f"http://127.0.0.1:{port}/readyz"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=10)
        assert refused.value.code == 503
        assert json.load(refused.value)["disk_full"] is True
        room.floor_mb = 0
        until(lambda: not room.short(), "it to be seen")
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert json.load(answer) == {"ready": True, "stalled": [], "disk_full": False}
    said = [each.message for each in caplog.records]
    assert any("documents wait" in each for each in said)
    assert any("has room again" in each for each in said)
    assert "MILLRACE_DISK_FLOOR_MB" in sentence(room)
