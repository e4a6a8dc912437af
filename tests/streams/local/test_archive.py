"""The broker's archive: made once, used by each start, and never in anybody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from streams.app.settings import Settings
from streams.local import archive, broker
from streams.local.broker import Broker
from streams.local.jars import KAFKA
from streams.local.worker_process import environment


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the archive is for this test."""
    own = tmp_path / "cache" / "broker.aot"
    for module in (broker, archive):
        monkeypatch.setattr(module, "archive", lambda _: own)
    return own


def maps(file: Path, pid: int) -> bool:
    return str(file) in Path(f"/proc/{pid}/maps").read_text()


def test_a_broker_starts_from_the_archive_that_was_made(file: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    assert archive.make(settings) == file
    assert [each.name for each in file.parent.iterdir() if each != file] == ["broker.lock"]
    with Broker(settings) as started:
        assert maps(file, started.pid)


def test_a_damaged_archive_is_gone_past(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(os.urandom(100_000))
    with Broker(Settings(data=tmp_path / "data")) as started:
        assert not maps(file, started.pid)


def test_what_cannot_be_made_is_not_tried_again(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "java", stderr="no such option")

    monkeypatch.setattr(archive.Broker, "__enter__", refused)
    assert archive.make(Settings(data=tmp_path / "data")) is None
    assert "no such option" in archive.failed(file).read_text()
    with archive.Archiving(Settings(data=tmp_path / "data"), file) as archiving:
        assert archiving.pid == 0


def test_one_process_at_a_time_makes_it(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    with archive.alone(file.with_suffix(".lock")):
        assert archive.make(Settings(data=tmp_path / "data")) is None
    assert not archive.failed(file).exists()


def test_whoever_makes_it_ends_with_its_parent_and_leaves_nothing(tmp_path: Path) -> None:
    temporary, jars = tmp_path / "tmp", KAFKA.classpath()
    temporary.mkdir()
    own = environment(Settings(data=tmp_path / "data")) | {"TMPDIR": str(temporary)}
    # A cache of its own, that knows where the jars are.
    (tmp_path / "cache" / "millrace").mkdir(parents=True)
    known = broker.archive(jars).parent.glob("jars-*.json")
    for each in known:
        (tmp_path / "cache" / "millrace" / each.name).write_bytes(each.read_bytes())
    own["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    making = subprocess.Popen(
        [sys.executable, "-m", "streams.local.archive"], env=own, stdin=subprocess.PIPE
    )
    assert making.stdin is not None
    parent, children = psutil.Process(making.pid), list[psutil.Process]()
    deadline = time.monotonic() + 60
    while not children and time.monotonic() < deadline:
        children = parent.children(recursive=True)
    assert children
    making.stdin.close()
    assert making.wait(30) == 1
    assert not any(child.is_running() for child in children)
    assert [*temporary.iterdir()] == []
    left = {each.suffix for each in (tmp_path / "cache" / "millrace").iterdir()}
    assert left <= {".json", ".lock"}
