"""Notices of a bucket's changes as they come: by lines, by a topic, or none."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from connectors.converters.documents import Documents
from streams.app.settings import Settings
from streams.app.sources import Followed
from streams.edge.noticing import Noticed, notices
from streams.flow.errors import UserError
from streams.local.broker import Broker
from streams.runtime import kafka
from tests.support.kept import KeptBucket, KeptFolder
from tests.system.harness import led, until

LONG_S = 30.0


def notice(*keys: str) -> bytes:
    objects = [{"s3": {"bucket": {"name": "handbook"}, "object": {"key": key}}} for key in keys]
    return json.dumps({"Records": objects}).encode()


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    with Documents() as converter:
        yield Followed(KeptBucket(tmp_path).source, converter, "t")


def test_the_lines_of_a_file_are_gathered_until_it_ends(followed: Followed, tmp_path: Path) -> None:
    file = tmp_path / "notices"
    lines = [notice("kb/a.md"), b"", notice("kb/b.md", "other/c.md"), notice("kb/a.md")]
    file.write_bytes(b"\n".join(lines) + b"\n")
    with notices(Settings(data=tmp_path), followed, str(file)) as noticed:
        assert noticed.wait(LONG_S) == Noticed({"a.md", "b.md"}, ended=True)


def test_what_is_no_notice_is_told_and_the_others_count(followed: Followed, tmp_path: Path) -> None:
    file = tmp_path / "notices"
    file.write_bytes(b"junk\n" + notice("kb/a.md") + b"\n")
    with notices(Settings(data=tmp_path), followed, str(file)) as noticed:
        first, second = noticed.wait(LONG_S), noticed.wait(LONG_S)
    assert first == Noticed(set(), ["is no JSON: junk"])
    assert second == Noticed({"a.md"}, ended=True)


def test_a_pipe_is_read_as_it_is_written_and_silence_means_to_look_at_all(
    followed: Followed, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writes = os.open(pipe, os.O_RDWR)
    try:
        with notices(Settings(data=tmp_path), followed, str(pipe)) as noticed:
            assert noticed.wait(0.05) == Noticed(None)
            os.write(writes, notice("kb/a.md") + b"\n")
            begun = time.monotonic()
            assert noticed.wait(LONG_S) == Noticed({"a.md"})
            assert time.monotonic() - begun < LONG_S
    finally:
        os.close(writes)


def test_the_records_of_a_topic_count_from_now_on(
    followed: Followed, broker: Broker, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path, bootstrap_servers=broker.bootstrap_servers)
    topic = "bucket-notices"
    admin = kafka.admin(settings)  # who lets go of it ends what it does
    admin.create_topics([NewTopic(topic, 2)])[topic].result(30)
    until(lambda: led(settings, [topic]), "the topic to be led")
    producer = kafka.new_producer(kafka.producer_options(settings))
    producer.produce(topic, notice("kb/before.md"))
    assert producer.flush(30) == 0
    with notices(settings, followed, f"kafka:{topic}") as noticed:
        producer.produce(topic, notice("kb/a.md"), partition=0)
        producer.produce(topic, notice("kb/b.md"), partition=1)
        assert producer.flush(30) == 0
        names: set[str] = set()
        while names != {"a.md", "b.md"}:
            told = noticed.wait(LONG_S)
            assert told.names, "nothing came"
            names |= told.names
        assert noticed.wait(0.1) == Noticed(None)


def test_a_source_that_sends_none_takes_none(tmp_path: Path) -> None:
    kept = KeptFolder(tmp_path)
    with Documents() as converter:
        followed = Followed(kept.source, converter, "t")
        with (
            pytest.raises(UserError, match="sends no notices"),
            notices(Settings(data=tmp_path), followed, "-"),
        ):
            pass
        with notices(Settings(data=tmp_path), followed, "") as noticed:
            assert noticed.wait(0.05) == Noticed(None)


def test_a_file_that_cannot_be_read_is_named(followed: Followed, tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="none cannot be read: No such file"),
        notices(Settings(data=tmp_path), followed, str(tmp_path / "none")),
    ):
        pass
