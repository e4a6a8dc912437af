"""Following a source through a real broker: killed at any line, nothing is lost or made up.

What the pipeline says of each document, a thread says here.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from connectors.converters.documents import Documents
from schemas import topics
from schemas.events import DocumentFed, DocumentIndexed, DocumentVersion
from streams.app import opening
from streams.app.settings import Settings
from streams.app.sources import Followed, Known
from streams.edge import admin, client
from streams.edge.following import Follower, SupersededError, follower
from streams.local.broker import Broker
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Record, now_ms
from tests.support.kept import KeptFolder
from tests.system.harness import led, until

CODEC = Codec()
TRIALS = 10


class Killed(BaseException):
    """What a kill looks like to the process itself: nothing is done after it."""


@pytest.fixture(scope="module")
def settings(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        data=tmp_path_factory.mktemp("following"),
        bootstrap_servers=broker.bootstrap_servers,
        group_prefix="following",
    )
    admin.apply_topics(settings, opening.stages(settings))
    used = (topics.DOCS_FEED, topics.DOCS_INDEXED, topics.DOCS_DLQ, topics.DOCS_SOURCES)
    until(lambda: led(settings, [topic.name for topic in used]), "topics to be led")
    return settings


@pytest.fixture(scope="module", autouse=True)
def pipeline(settings: Settings) -> Iterator[None]:
    """Acknowledges whatever is fed."""
    ended = threading.Event()
    ready = threading.Event()

    def acknowledge() -> None:
        producer = kafka.new_producer(kafka.producer_options(settings))
        with client.reader(settings) as consumer:
            client.from_the_end(consumer, [topics.DOCS_FEED.name])
            ready.set()
            while not ended.is_set():
                message = consumer.poll(0.05)
                if message is None or message.error() is not None:
                    continue
                done = _indexed(kafka.received(message))
                producer.produce(
                    topics.DOCS_INDEXED.name,
                    CODEC.encode(topics.DOCS_INDEXED.name, done),
                    topics.document_key(done.document),
                )
                producer.poll(0)

    thread = threading.Thread(target=acknowledge)
    thread.start()
    assert ready.wait(30)
    yield
    ended.set()
    thread.join()


def _indexed(record: Record) -> DocumentIndexed:
    fed = CODEC.decode(topics.DOCS_FEED, record.value)
    document = DocumentVersion(
        op=fed.op,
        tenant=fed.tenant,
        doc_id=fed.doc_id,
        version=record.timestamp,
        sequence=record.offset,
        doc_type="markdown",
        title="",
        uri="",
        metadata={},
        changed_at=record.timestamp,
        fed_at=record.timestamp,
    )
    return DocumentIndexed(
        document=document,
        chunking="",
        superseded=False,
        chunk_ids=[],
        removed=0,
        last=True,
        chunks=1,
        indexed_at=now_ms(),
    )


def fed(settings: Settings, tenant: str) -> list[tuple[int, DocumentFed]]:
    """All that was committed for a tenant, with its time, in the order of the log."""
    with client.reader(settings) as consumer:
        records = [kafka.received(m) for m in client.replay(consumer, [topics.DOCS_FEED.name])]
    mine = [each for each in records if (each.key or b"").startswith(f"{tenant}/".encode())]
    return [(each.timestamp, CODEC.decode(topics.DOCS_FEED, each.value)) for each in mine]


def indexed(settings: Settings, tenant: str) -> dict[str, str]:
    """What is searchable after it, by the fence: what is newer by its time counts."""
    newest: dict[str, tuple[int, DocumentFed]] = {}
    for at, document in fed(settings, tenant):
        assert at > newest.get(document.doc_id, (0, None))[0], "times go on"
        newest[document.doc_id] = at, document
    return {name: d.body or "" for name, (_, d) in newest.items() if d.op == "upsert"}


def held(folder: KeptFolder) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.path.iterdir()}


@contextmanager
def following(settings: Settings, folder: KeptFolder, tenant: str) -> Iterator[Follower]:
    source = type(folder.source)(folder.path)  # as a new process has it: nothing is remembered
    with (
        Documents() as converter,
        follower(settings, CODEC, Followed(source, converter, tenant, most_removed=1)) as following,
    ):
        yield following


def look(settings: Settings, folder: KeptFolder, tenant: str) -> None:
    with following(settings, folder, tenant) as each:
        each.look()


TRACED = ("streams/edge/following.py", "streams/edge/documents.py", "streams/app/sources.py")


@contextmanager
def killed_at(line: int) -> Iterator[list[int]]:
    """Killed at the so manieth line that is executed; yields how many were."""
    count = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            count[0] += 1
            if count[0] == line:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    except Killed:
        pass
    finally:
        sys.settrace(before)


def change(folder: KeptFolder, rng: random.Random) -> None:
    names = [path.name for path in folder.path.iterdir()]
    for _ in range(rng.randint(1, 4)):
        name = f"{rng.randrange(8)}.md"
        what = rng.choice(["put", "remove", "rename"])
        if what == "put" or name not in names:
            folder.put(name, f"text {rng.random()}".encode())
        elif what == "remove":
            (folder.path / name).unlink(missing_ok=True)
        elif (folder.path / name).exists():
            (folder.path / name).rename(folder.path / f"{rng.randrange(8)}.md")


def test_killed_at_any_line_it_goes_on_and_loses_no_change_and_no_removal(
    settings: Settings, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    tenant = f"killed-{seed}"
    folder = KeptFolder(tmp_path)
    folder.put("0.md", b"text")
    with killed_at(0) as lines:
        look(settings, folder, tenant)
    least = lines[0]
    killed = 0
    for trial in range(TRIALS):
        change(folder, rng)
        line = rng.randint(1, 2 * least if trial else 50)  # at least one is short enough
        with killed_at(line) as lines:
            look(settings, folder, tenant)
        killed += lines[0] >= line
        change(folder, rng)
    print(f"killed {killed} of {TRIALS} times, by {least} lines a look")
    assert killed
    look(settings, folder, tenant)
    assert indexed(settings, tenant) == held(folder)
    before = len(fed(settings, tenant))
    look(settings, folder, tenant)
    assert len(fed(settings, tenant)) == before, "nothing is fed twice that did not change"


def test_whoever_begins_to_follow_a_source_ends_the_one_before(
    settings: Settings, tmp_path: Path
) -> None:
    folder = KeptFolder(tmp_path)
    folder.put("a.md", b"text")
    with following(settings, folder, "two") as first:
        first.look()
        folder.put("a.md", b"new text")
        with following(settings, folder, "two") as second:
            assert second.look().report.searchable == 1
        folder.put("a.md", b"newest text")
        with pytest.raises(SupersededError, match="one is enough"):
            first.look()
    assert indexed(settings, "two") == {"a.md": "new text"}


def test_a_clock_that_was_set_back_lets_no_change_be_the_older_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = KeptFolder(tmp_path)
    folder.put("a.md", b"text")
    ahead = now_ms() + 20 * 60 * 1000
    monkeypatch.setattr("streams.edge.documents.now_ms", lambda: ahead)
    look(settings, folder, "clock")
    monkeypatch.undo()
    for text in ("second", "third"):
        folder.put("a.md", text.encode())
        look(settings, folder, "clock")
        assert indexed(settings, "clock") == {"a.md": text}
    folder.remove("a.md")
    look(settings, folder, "clock")
    assert indexed(settings, "clock") == {}


def test_what_another_source_feeds_meanwhile_is_left_to_it(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = (tmp_path / "1", tmp_path / "2")
    first.mkdir()
    second.mkdir()
    one, two = KeptFolder(first), KeptFolder(second)
    two.put("b.md", b"of the second")
    with following(settings, two, "clash") as follows_two:
        follows_two.look()
        one.put("a.md", b"of the first")
        look(settings, one, "clash")
        two.put("a.md", b"of the second")
        # What others remember is read as it comes.
        found = [follows_two.look().skipped for _ in range(3)]
    (skipped,) = (each for some in found for each in some)
    assert skipped.name == "a.md" and str(one.path) in skipped.reason
    assert indexed(settings, "clash") == {"a.md": "of the first", "b.md": "of the second"}


def test_a_document_that_no_record_can_hold_is_named_and_the_others_are_fed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = KeptFolder(tmp_path)
    folder.put("a.md", b"short")
    folder.put("b.md", b"long " * 1000)
    monkeypatch.setattr("streams.edge.following.most_bytes", lambda: 2000)
    with following(settings, folder, "long") as each:
        found = each.look()
    ((name, reason),) = found.report.rejected
    assert name == "b.md" and "too large" in reason
    assert indexed(settings, "long") == {"a.md": "short"}


def test_of_what_is_remembered_the_newest_counts(settings: Settings) -> None:
    from schemas.events import DocumentFollowed
    from streams.edge.following import Memory

    with client.reader(settings) as consumer:
        memory = Memory(CODEC, consumer, "t")
        for at, mark in ((2, "b"), (1, "a"), (3, "c")):
            note = DocumentFollowed(tenant="t", doc_id="x", source="s", mark=mark, fed_at=at)
            memory.note(note)
    assert memory.known == {"x": Known("s", "c", 3)}
