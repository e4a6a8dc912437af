"""A bucket of an S3-compatible server (moto's), listed and told of by notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic

from connectors.converters.documents import Documents
from connectors.sources.bucket import Bucket
from connectors.sources.port import BucketSettings, source
from infra.local.buckets import BucketServer
from processors.documents.sources import Unread
from streams.app import opening
from streams.app.settings import Settings
from streams.app.sources import Followed, Known, Turn
from streams.flow.errors import UserError
from streams.runtime import kafka
from tests.support.certificates import Authority
from tests.support.tls_front import tls_front
from tests.system.cli import Cli
from tests.system.drill import Edge
from tests.system.harness import led, until

Put = Callable[[str, bytes], None]
VERSIONED = b"""<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status>
</VersioningConfiguration>"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    with BucketServer(tmp_path_factory.mktemp("buckets")) as server:
        yield server


@pytest.fixture
def server(running: BucketServer) -> BucketServer:
    """With one bucket, and nothing in it."""
    assert running.ask("POST", "moto-api/reset") == 200
    assert running.ask("PUT", "handbook") == 200
    return running


@pytest.fixture
def settings(server: BucketServer) -> BucketSettings:
    return BucketSettings.model_validate(
        {"endpoint": server.url, "key_id": "key", "secret": "secret"}
    )


@pytest.fixture
def bucket(settings: BucketSettings, tmp_path: Path) -> Bucket:
    opened = source("s3://handbook/kb", settings, tmp_path)
    assert isinstance(opened, Bucket)
    return opened


@pytest.fixture
def put(server: BucketServer) -> Put:
    def put(key: str, data: bytes) -> None:
        assert server.ask("PUT", f"handbook/{key}", data) == 200

    return put


def test_more_objects_than_a_page_holds_are_listed_and_read(put: Put, bucket: Bucket) -> None:
    names = {f"{number:04}.md" for number in range(1005)} | {"ä/ö #%41+&?.md"}
    for name in names:
        put(f"kb/{name}", name.encode())
    put("other/x.md", b"of somebody else")
    put("kb/folder/", b"")
    put("kb/.hidden", b"no")
    listing = bucket.listing()
    assert {*listing.items} == names
    content = bucket.read("ä/ö #%41+&?.md")
    assert content.data.decode() == "ä/ö #%41+&?.md"
    assert content.mark == listing.items["ä/ö #%41+&?.md"].mark
    assert content.uri == "s3://handbook/kb/ä/ö #%41+&?.md"
    assert content.changed_at > 1_700_000_000_000


def test_a_versioned_bucket_shows_what_is_newest(
    server: BucketServer, put: Put, bucket: Bucket
) -> None:
    assert server.ask("PUT", "handbook", VERSIONED, "?versioning") == 200
    put("kb/a.md", b"one")
    first = bucket.read("a.md")
    put("kb/a.md", b"two")
    second = bucket.read("a.md")
    assert second.data == b"two" and first.mark != second.mark
    versions = [content.metadata["version_id"] for content in (first, second)]
    assert len({*versions}) == 2
    assert server.ask("DELETE", "handbook/kb/a.md") == 204  # leaves a marker
    assert not bucket.listing().items and not bucket.of(["a.md"]).items
    with pytest.raises(Unread):
        bucket.read("a.md")


def test_a_bucket_that_is_gone_or_shut_removes_nothing(
    server: BucketServer, put: Put, bucket: Bucket, settings: BucketSettings, tmp_path: Path
) -> None:
    put("kb/a.md", b"text")
    bucket.listing()
    for asked in (bucket.listing, lambda: bucket.of(["a.md"])):
        assert server.ask("POST", "moto-api/reset-auth", b"0") == 200  # no key is known from here
        try:
            with pytest.raises(UserError, match=r"lets us not in .*MILLRACE_BUCKET__KEY_ID"):
                asked()
        finally:
            server.ask("POST", "moto-api/reset-auth", b"1000000000")
    assert server.ask("DELETE", "handbook/kb/a.md") == 204
    assert server.ask("DELETE", "handbook") == 204
    for asked in (bucket.listing, lambda: bucket.of(["a.md"])):
        with pytest.raises(UserError, match=r"does not answer as a bucket does.*NoSuchBucket"):
            asked()
    away = settings.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    with pytest.raises(UserError, match=r"does not answer .*MILLRACE_BUCKET__ENDPOINT"):
        source("s3://handbook", away, tmp_path).listing()


def test_an_object_whose_key_is_no_path_hides_its_folder_and_no_other(
    put: Put, bucket: Bucket
) -> None:
    put("kb/x/../b.md", b"text")
    for name in ("a.md", "x/c.md", "y/d.md", "y/z/e.md"):
        put(f"kb/{name}", b"text")
    listing = bucket.listing()
    assert {*listing.items} == {"a.md", "y/d.md", "y/z/e.md"}
    assert {*listing.unseen} == {"x"}, "so nothing of it is taken for removed"
    assert "whose key is no path" in listing.unseen["x"] and "kb/x/.." in listing.unseen["x"]
    told = bucket.of(["a.md", "x/c.md", "x/../b.md"])
    assert {*told.items} == {"a.md", "x/c.md"} and {*told.unseen} == {"x/../b.md"}


def test_where_it_stands_in_the_folder_that_is_followed_it_is_named(
    put: Put, bucket: Bucket
) -> None:
    put("kb/a.md", b"text")
    put("kb/../b.md", b"text")
    with pytest.raises(UserError, match=r"holds an object whose key is no path .*kb/\.\./b.md"):
        bucket.listing()


def test_a_server_with_a_certificate_of_its_own_authority(
    server: BucketServer, put: Put, settings: BucketSettings, tmp_path: Path
) -> None:
    put("a.md", b"text")
    authority = Authority(tmp_path)
    with tls_front(authority.leaf("s3", "s3"), server.port) as port:
        over = {"endpoint": f"https://127.0.0.1:{port}"}
        with pytest.raises(UserError, match=r"does not answer .*__CA_FILE"):
            source("s3://handbook", settings.model_copy(update=over), tmp_path).listing()
        over["ca_file"] = authority.certificate  # pyright: ignore[reportArgumentType]
        trusted = settings.model_copy(update=over)
        assert [*source("s3://handbook", trusted, tmp_path).listing().items] == ["a.md"]


def test_notices_that_are_late_repeated_or_lost_end_as_the_bucket_is(
    server: BucketServer, put: Put, bucket: Bucket
) -> None:
    """As S3 sends them, in any order; what one says is never believed."""
    known: dict[str, Known] = {}
    with Documents() as converter:
        followed = Followed(bucket, converter, "t")

        def look(*keys: str) -> list[tuple[str, str]]:
            names = followed.telling().named(notice(*keys)) if keys else None
            found: list[tuple[str, str]] = []
            for step in [*followed.changes(known, names)]:
                assert isinstance(step, Turn)
                document = step.document
                known[document.doc_id] = Known(bucket.name, step.mark, 0)
                found.append((document.op, document.doc_id))
            return found

        put("kb/a.md", b"one")
        put("kb/b.md", b"one")
        assert look("kb/a.md") == [("upsert", "a.md")]
        assert look("kb/a.md") == [], "repeated"
        put("kb/a.md", b"two")
        assert look("kb/a.md") == [("upsert", "a.md")], "late"
        assert server.ask("DELETE", "handbook/kb/a.md") == 204
        assert look("kb/a.md") == [("delete", "a.md")]
        assert look("other/c.md") == []
        assert look() == [("upsert", "b.md")], "lost"


def notice(*keys: str) -> bytes:
    objects = [{"s3": {"bucket": {"name": "handbook"}, "object": {"key": key}}} for key in keys]
    return json.dumps({"Records": objects}).encode()


def test_a_bucket_is_searchable_and_its_notices_are_followed_past_a_kill(
    server: BucketServer, put: Put, tmp_path: Path
) -> None:
    """In the whole running stack: a look, notices by standard input, a kill, notices by a topic."""
    told = {
        "MILLRACE_BUCKET__ENDPOINT": server.url,
        "MILLRACE_BUCKET__KEY_ID": "key",
        "MILLRACE_BUCKET__SECRET": "secret",
    }
    cli = Cli(tmp_path, told)
    cli("up", "--detach")
    try:
        settings = Settings(
            data=tmp_path, bootstrap_servers=cli.json("status")["bootstrap_servers"]
        )
        where = ("follow", "s3://handbook/kb", "--tenant", "acme")
        put("kb/gold.md", b"# Gold\n\nThe fee of a Gold card is 9 euros.\n")
        assert cli.json(*where, "--once")["searchable"] == 1

        with following(cli, *where, "--json", "--events", "-") as process:
            assert process.stdin is not None
            assert told_by(process)["fed"] == 0
            put("kb/lime.md", b"# Lime\n\nThe fee of a Lime card is 4 euros.\n")
            process.stdin.write(notice("kb/lime.md") + b"\n")
            process.stdin.flush()
            assert told_by(process)["searchable"] == 1
            process.kill()
            assert process.wait(30) == -signal.SIGKILL

        assert server.ask("DELETE", "handbook/kb/gold.md") == 204
        topic = "bucket-notices"
        admin = kafka.admin(settings)  # who lets go of it ends what it does
        admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
        until(lambda: led(settings, [topic]), "the topic to be led")
        with following(cli, *where, "--json", "--events", f"kafka:{topic}") as process:
            assert told_by(process)["removed"] == 1, "what went while nobody looked"
            assert server.ask("DELETE", "handbook/kb/lime.md") == 204
            put("kb/blue.md", b"# Blue\n\nThe fee of a Blue card is 2 euros.\n")
            edge = Edge(settings)
            edge.put(topic, None, notice("kb/lime.md", "kb/blue.md"))
            edge.flush()
            found = told_by(process)
            assert (found["searchable"], found["removed"]) == (1, 1)
            process.terminate()
            assert process.wait(30) == 0
        lines = [json.loads(line) for line in opening.dump_index(settings, "acme")]
        assert {each["doc_id"] for each in lines} == {"blue.md"}
    finally:
        cli("down")


@contextmanager
def following(cli: Cli, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *words],
        env=os.environ | cli.variables | {"MILLRACE_DATA": str(cli.data)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def told_by(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the next look came to."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "it ended"
    return json.loads(line)
