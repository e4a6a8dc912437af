"""Documents in two lanes, in memory: order by the fence, and what the two logs keep."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from processors.documents.debezium import Column, DebeziumSource
from processors.documents.ingest import split_body
from schemas import topics
from schemas.events import DocumentChanged, DocumentFed
from streams.app.topology import topology
from streams.flow.topic import Topic
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

_LIVE = [topics.DOCS_CHANGES, topics.DOCS_CHUNKS, topics.DOCS_VECTORS]
FEEDS = (topics.DOCS_FEED, topics.DOCS_FEED_BULK)


def _driver(ports: FakePorts, **options: object) -> Driver:
    return Driver(topology(CONFIG), ports.opened, **options)  # type: ignore[arg-type]


def _fed(body: str | None, version: int | None = None, doc_id: str = "a.md") -> DocumentFed:
    op = "delete" if body is None else "upsert"
    return DocumentFed(op=op, tenant="acme", doc_id=doc_id, body=body, version=version, title="T")


def _live(ports: FakePorts) -> dict[str, set[int]]:
    live: dict[str, set[int]] = {}
    for chunk in ports.index.scan("acme"):
        live.setdefault(chunk.doc_id, set()).add(chunk.doc_version)
    return live


def _log(driver: Driver, topic: Topic[DocumentChanged]) -> Iterator[DocumentChanged]:
    """What compaction leaves of a log: the last value of each key."""
    last = {record.key: record.value for record in driver.records(topic.name)}
    for value in last.values():
        if value is not None:
            yield driver.codec.decode(topic, value)


def test_a_bulk_feed_takes_the_bulk_lane_all_the_way() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    driver.send(topics.DOCS_FEED_BULK, _fed("# One\n\nText."))
    driver.run()
    assert _live(ports)
    for topic in cast("list[Topic[Any]]", _LIVE):
        assert not driver.events(topic)
        assert topic.diverted is not None
        assert [each.document.bulk for each in driver.events(topic.diverted.to)] == [True]
    (done,) = driver.events(topics.DOCS_INDEXED)
    assert done.last


def test_what_a_tenant_sends_above_its_quota_is_bulk_and_others_stay_live() -> None:
    config = replace(CONFIG, ingest=replace(CONFIG.ingest, live_changes_per_minute=3))
    driver = Driver(topology(config), FakePorts().opened, partitions=1)
    for number in range(5):
        driver.send(topics.DOCS_FEED, _fed("Text.", doc_id=f"{number}.md"), timestamp=1_000_000)
    beside = replace(_fed("Text."), tenant="other")
    driver.send(topics.DOCS_FEED, beside, timestamp=1_000_000)
    driver.send(topics.DOCS_FEED, _fed("Text.", doc_id="later.md"), timestamp=1_020_000)
    driver.run()
    live = [each.document.doc_id for each in driver.events(topics.DOCS_CHANGES)]
    bulk = [each.document.doc_id for each in driver.events(topics.DOCS_CHANGES_BULK)]
    assert live == ["0.md", "1.md", "2.md", "a.md", "later.md"]
    assert bulk == ["3.md", "4.md"]


def test_what_changes_many_rows_of_a_tenant_at_once_is_bulk_and_others_stay_live() -> None:
    rows = DebeziumSource("rows", "db.rows", Column("tenant"), ("id",), ("body",))
    ingest = replace(CONFIG.ingest, live_changes_per_minute=3)
    ports = FakePorts()
    stages = topology(replace(CONFIG, ingest=ingest, debezium=(rows,)))
    driver = Driver(stages, ports.opened, partitions=1)
    for lsn, tenant in enumerate([*["acme"] * 5, "other"], 1):
        row = {"id": f"{lsn}", "tenant": tenant, "body": f"Text of {lsn}."}
        said = {"op": "u", "before": None, "after": row, "source": {"lsn": lsn}}
        named = json.dumps({"id": f"{lsn}", "tenant": tenant}).encode()
        value = json.dumps(said).encode()
        driver.send("db.rows", value, key=named, timestamp=1_000_000)
    driver.run()
    live = [each.document.doc_id for each in driver.events(topics.DOCS_CHANGES)]
    bulk = [each.document.doc_id for each in driver.events(topics.DOCS_CHANGES_BULK)]
    assert (live, bulk) == (["1", "2", "3", "6"], ["4", "5"])
    assert {each.doc_id for each in ports.index.scan()} == {*"123456"}


def test_of_one_version_on_both_feeds_the_live_one_stays() -> None:
    for first, second in (FEEDS, FEEDS[::-1]):
        ports = FakePorts()
        driver = _driver(ports)
        for topic in (first, second):
            for _ in range(3):  # so that the offsets of neither are always the higher ones
                body = f"# T\n\nFrom {topic.name}."
                driver.send(topic, _fed(body, 1))
                if topic.bulk:
                    driver.send(topic, _fed(body, 1))
            driver.run()
        (chunk,) = ports.index.scan("acme")
        assert "From docs.feed." in chunk.text


@pytest.fixture
def _short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents travel in parts from 400 bytes on."""
    monkeypatch.setattr("processors.documents.ingest.split_body", partial(split_body, limit=400))


@pytest.mark.usefixtures("_short_parts")
@pytest.mark.parametrize("seed", range(12))
def test_any_history_over_both_feeds_ends_in_its_last_state_and_leaves_nothing_deleted(
    seed: int,
) -> None:
    rng = random.Random(seed)
    ports = FakePorts()
    driver = _driver(ports, batch=3, fault=lambda _stage, _moment: rng.random() < 0.2)
    expected: dict[str, tuple[int, int]] = {}
    versions = [*range(1, 50)]
    # Of a document's versions some come late, as where a snapshot is loaded beside live changes.
    for at in range(0, len(versions) - 3, 3):
        if rng.random() < 0.3:
            versions[at], versions[at + 2] = versions[at + 2], versions[at]
    for version in versions:
        doc_id, parts = f"d{rng.randrange(5)}.md", rng.choice([1, 1, 2, 4])
        known, _ = expected.get(doc_id, (0, 0))
        if rng.random() < 0.25:
            driver.send(rng.choice(FEEDS), _fed(None, version, doc_id))
            parts = 0
        else:
            body = "\n\n".join(f"# Part {n}\n\n" + f"word{version} " * 45 for n in range(parts))
            driver.send(rng.choice(FEEDS), _fed(body, version, doc_id))
        if version > known:
            expected[doc_id] = (version, parts)
        if rng.random() < 0.4:
            driver.run()
    driver.run()
    assert not driver.dead_letters(topics.DOCS_DLQ)
    living = {doc: version for doc, (version, parts) in expected.items() if parts}
    assert _live(ports) == {doc: {version} for doc, version in living.items()}

    log = [*_log(driver, topics.DOCS_CHANGES), *_log(driver, topics.DOCS_CHANGES_BULK)]
    left = sorted((c.document.doc_id, c.document.version, c.part) for c in log)
    assert left == sorted(
        (doc, version, part)
        for doc, (version, parts) in expected.items()
        for part in range(max(1, parts))
    ), "the living version, or its delete, whole, and nothing else"


@pytest.mark.parametrize("feed", FEEDS, ids=lambda topic: topic.name)
def test_a_backlog_of_versions_costs_what_the_last_ones_cost(feed: Topic[DocumentFed]) -> None:
    alone, ports = FakePorts(), FakePorts()
    texts = {n: f"# Doc {n % 4}\n\n" + f"word{n} of many. " * 60 for n in range(80)}
    for chosen, versions in ((alone, range(76, 80)), (ports, range(80))):
        driver = _driver(chosen, batch=1000)
        for n in versions:
            driver.send(feed, _fed(texts[n], n, f"{n % 4}.md"), timestamp=1_000_000 + n)
        driver.run()
    assert _live(ports) == _live(alone) == {f"{n % 4}.md": {n} for n in range(76, 80)}
    assert ports.embedder.passages == alone.embedder.passages

    ended = [each for each in driver.events(topics.DOCS_INDEXED) if each.last]
    assert sorted(each.document.version for each in ended) == [*range(80)], "each is told of"
    assert sum(each.superseded for each in ended) == 76
    assert not driver.dead_letters(topics.DOCS_DLQ)


def test_a_delete_supersedes_too() -> None:
    ports = FakePorts()
    driver = _driver(ports, batch=1000)
    driver.send(topics.DOCS_FEED_BULK, _fed("# Text\n\nOf a while ago.", 1))
    driver.send(topics.DOCS_FEED_BULK, _fed(None, 2))
    driver.run()
    assert ports.embedder.passages == 0
    assert _live(ports) == {}
    assert [each.superseded for each in driver.events(topics.DOCS_INDEXED)] == [True, False]


def test_a_newer_live_version_supersedes_what_waits_in_bulk() -> None:
    ports = FakePorts()
    driver = _driver(ports, batch=1000)
    driver.send(topics.DOCS_FEED_BULK, _fed("# Old\n\nFrom the load.", 1))
    driver.send(topics.DOCS_FEED, _fed("# New\n\nFrom a change.", 2))
    driver.run()
    assert ports.embedder.passages == 1
    assert _live(ports) == {"a.md": {2}}
