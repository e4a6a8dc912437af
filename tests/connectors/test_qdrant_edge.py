"""`EdgeIndex` beyond the contract: crashes, reopening, directories that cannot be used."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from processors.documents.applying import Applied, apply
from processors.documents.fences import Logged
from schemas.events import DocumentEmbedded
from streams.flow.errors import UserError
from tests.support.index_events import (
    SIZE,
    SUPERSEDED,
    Index,
    ask,
    change,
    delete,
    lexical,
    part,
    texts,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


def history(rng: random.Random, length: int) -> list[DocumentEmbedded]:
    """Changes of a few documents in feed order, some versions in two records."""
    events: list[DocumentEmbedded] = []
    for sequence in range(length):
        doc_id, tenant, version = rng.choice("abcd"), rng.choice("xy"), sequence // 3
        words = tuple(f"{sequence} {rng.choice('pqrs')}{n}" for n in range(rng.randint(0, 5)))
        if rng.random() < 0.2:
            events.append(delete(doc_id, version, sequence=sequence, tenant=tenant))
            continue
        if rng.random() < 0.3:
            events += parts(rng, doc_id, version, words, sequence=sequence, tenant=tenant)
            continue
        cut = rng.randint(0, len(words)) if rng.random() < 0.4 else 0
        both = {"sequence": sequence, "tenant": tenant}
        if cut:
            events.append(change(doc_id, version, words[:cut], last=False, **both))
        events.append(change(doc_id, version, words[cut:], first=cut, **both))
    return events


def parts(
    rng: random.Random, doc_id: str, version: int, words: tuple[str, ...], **more: Any
) -> list[DocumentEmbedded]:
    """A version in up to three parts, of which one may never come."""
    count = rng.randint(1, 3)
    lost = rng.randrange(6)
    return [
        change(
            doc_id,
            version,
            words[n::count],
            part=n,
            parts=count,
            of=len(words[n::count]),
            last=n == count - 1,
            **more,
        )
        for n in range(count)
        if n != lost
    ]


def state(index: Index) -> dict[str, tuple[str, int, str]]:
    return {c.chunk_id: (c.doc_id, c.doc_version, c.text) for c in index.scan()}


def test_both_indexes_agree_on_random_histories_with_replays(path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    events, memory = history(rng, 120), MemoryIndex("v1", SIZE)
    with EdgeIndex(path, "v1", SIZE) as edge:
        start = 0
        while start < len(events):
            batch = events[start : start + rng.randint(1, 12)]
            assert apply(edge, batch) == apply(memory, batch)
            assert state(edge) == state(memory)
            # Sometimes the offsets were not committed: a part comes again.
            start += len(batch) - (rng.randint(0, len(batch) - 1) if rng.random() < 0.3 else 0)
        for word in ("p1", "q2 r0", "s4"):
            ours, theirs = ask(edge, word, tenant="x"), ask(memory, word, tenant="x")
            for one, other in zip(
                ours.dense + ours.lexical, theirs.dense + theirs.lexical, strict=True
            ):
                assert one.scores == pytest.approx(other.scores, abs=2e-3)
        apply(edge, events)
        apply(memory, events)
        assert state(edge) == state(memory)


class CutShort:
    """A shard whose writes fail after the first few, as a crash would have it."""

    def __init__(self, shard, writes: int) -> None:
        self.shard, self.writes = shard, writes

    def __getattr__(self, name: str):
        return getattr(self.shard, name)

    def update(self, operation) -> None:
        if self.writes == 0:
            raise OSError("cut short")
        self.writes -= 1
        self.shard.update(operation)


def test_a_batch_cut_short_anywhere_is_completed_by_applying_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.qdrant_edge.index._SLICE", 2)
    before = [change("a", 1, tuple("abcde")), change("b", 1, tuple("fg"))]
    batch = [
        change("a", 2, tuple("AB")),
        delete("b", 2),
        change("c", 1, tuple("hijk"), last=False),
        change("c", 1, ("l",), first=4),
        change("a", 3, tuple("X")),
    ]
    for writes in range(20):
        path = tmp_path / str(writes)
        with EdgeIndex(path, "v1", SIZE) as index:
            apply(index, before)
            index._opened = cast("Any", CutShort(index._shard, writes))
            try:
                apply(index, batch)
            except OSError:
                failed = True
            else:
                failed = False
        with EdgeIndex(path, "v1", SIZE) as index:
            apply(index, batch)
            assert texts(index) == ["X", "h", "i", "j", "k", "l"]
        if not failed:
            assert writes > 5
            return
    raise AssertionError("the batch never went through")


def test_what_was_applied_is_there_after_closing_and_opening(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        apply(index, [change("a", 2, ("one", "two")), delete("b", 7)])
    index.close()
    with EdgeIndex(path, "v1", SIZE) as index:
        assert texts(index) == ["one", "two"]
        assert lexical(index, "two") == ["two"]
        assert (
            apply(index, [change("a", 1, ("old",)), change("b", 6, ("old",))]) == [SUPERSEDED] * 2
        )
        index.open()
    with pytest.raises(RuntimeError, match="not open"):
        index.fetch("acme", [])


def test_a_killed_writer_loses_no_document_it_acknowledged(path: Path) -> None:
    acknowledged, generation = 0, 0
    for generation in range(1, 4):
        command = [sys.executable, __file__, str(path), str(generation)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                acknowledged = int(line)
                if acknowledged >= 20 * generation:
                    break
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
            acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
            assert writer.wait() == -signal.SIGKILL
        with EdgeIndex(path, "v1", SIZE) as index:
            stored = {chunk.doc_id: chunk.doc_version for chunk in index.scan("acme")}
            for number in range(acknowledged + 1):
                if number % 7 == 3:
                    assert f"d{number}" not in stored
                else:
                    assert stored[f"d{number}"] == generation
                    assert lexical(index, f"word{number}") == [f"word{number}"]


def test_what_is_acknowledged_is_synced_to_the_log_or_flushed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr("connectors.qdrant_edge.generations.os.fsync", noted)
    with EdgeIndex(path, "v1", SIZE) as edge:
        apply(edge, [change("a", 1, ("one",))])
        assert {str(file) for file in (path / "1" / "wal").glob("open-*")} <= set(synced)
        synced.clear()
        monkeypatch.setattr("connectors.qdrant_edge.index._FLUSH_S", 0.0)
        apply(edge, [change("a", 2, ("two",))])
        assert not synced  # the engine's own flush has it
    with EdgeIndex(path, "v1", SIZE) as edge:
        assert [c.text for c in edge.scan()] == ["two"]


def test_a_directory_in_use_says_so(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE), pytest.raises(UserError, match=r"index.*another process"):
        EdgeIndex(path, "v1", SIZE).open()


@pytest.mark.parametrize("damage", ["config", "segments", "dimensions"])
def test_a_directory_that_cannot_be_read_is_named_with_the_remedy(path: Path, damage: str) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        apply(index, [change("a", 1, ("one",))])
    if damage == "config":
        (path / "1" / "edge_config.json").write_text("{")
    if damage == "segments":
        for file in (path / "1" / "segments").rglob("*"):
            if file.is_file():
                file.write_bytes(b"garbage")
    with pytest.raises(UserError, match=r"index.*is damaged.*reindex --scan"):
        EdgeIndex(path, "v1", SIZE + (damage == "dimensions")).open()


def test_a_directory_half_made_when_the_process_died_is_made_again(path: Path) -> None:
    unfinished = path / "new"
    unfinished.mkdir(parents=True)
    (unfinished / "edge_config.json").write_text("{")
    with EdgeIndex(path, "v1", SIZE) as index:
        apply(index, [change("a", 1, ("one",))])
        assert texts(index) == ["one"]


def _write_until_killed(path: Path, generation: int) -> None:
    """Every document of this generation, each acknowledged on standard output."""
    with EdgeIndex(path, "v1", SIZE) as index:
        for number in range(100_000):
            batch = [change(f"d{number}", generation, (f"word{number}",))]
            if number % 7 == 3:
                batch.append(delete(f"d{number}", generation, sequence=1))
            apply(index, batch)
            print(number, flush=True)


if __name__ == "__main__":
    _write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))


def test_what_a_version_in_parts_has_is_remembered_by_the_folder(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        apply(index, [part("a", 1, n, 2, f"text {n}", "more") for n in range(2)])
        apply(index, [part("a", 2, 0, 3, "uno"), part("a", 2, 2, 3, "tres")])
    with EdgeIndex(path, "v1", SIZE) as index:
        whole = Applied(superseded=False, removed=2, obsolete=(Logged(1, 0, 2),))
        assert apply(index, [part("a", 2, 1, 3, "dos")]) == [whole]
        assert texts(index) == ["dos", "tres", "uno"]


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be opened .*mend the permissions"):
        EdgeIndex(tmp_path / "taken" / "index", "v1").open()


def test_a_file_that_goes_while_the_folder_is_sealed_keeps_nobody_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's own threads take files away: what follows must let go of the folder still."""
    index = EdgeIndex(path, "v1").open()
    gone: list[str] = ["gone"]
    monkeypatch.setattr("connectors.qdrant_edge.seal._files", lambda _: gone)
    index.close()
    with EdgeIndex(path, "v1") as again:
        assert again.left()[1] >= 0
