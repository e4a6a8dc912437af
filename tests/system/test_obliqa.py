"""Real regulation, asked by a producer that knows nothing but Kafka and JSON.

As a drill the whole corpus; otherwise the passages that answer and as many others.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import topics
from streams.runtime.codec import Codec
from tests.system.cli import Cli

DATA = Path(__file__).parents[3] / "shared" / "data" / "obliqa"
FULL = os.environ.get("DRILL") == "full"
QUESTIONS = 100
SEED = 1
PATIENCE_S = 120.0
ENDINGS = {"answered", "abstained", "refused"}

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not DATA.is_dir(), reason="the public data folder is not here"),
]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.mark.drill
def test_every_question_is_answered_and_finds_its_passages(tmp_path: Path) -> None:
    relevant: dict[str, set[str]] = {}
    for row in _rows("qrels"):
        relevant.setdefault(row["query_id"], set()).add(row["corpus_id"])
    chance = random.Random(SEED)
    ids = chance.sample(sorted(relevant), QUESTIONS)
    queries = {row["_id"]: row["text"] for row in _rows("queries") if row["_id"] in set(ids)}
    passages = {row["_id"]: row for row in _rows("corpus")}
    chosen = set(passages)
    if not FULL:
        needed = set[str]().union(*(relevant[each] for each in ids))
        chosen = needed | set(chance.sample(sorted(passages), 300))
    lines = [
        json.dumps({"doc_id": key, "title": passages[key]["title"], "body": passages[key]["text"]})
        for key in sorted(chosen)
    ]
    millrace = Cli(tmp_path)
    millrace("up", "--detach")
    try:
        report = millrace.json("feed", "-", "--tenant", "adgm", stdin="\n".join(lines))
        assert report["searchable"] == len(chosen)
        broker = millrace.json("status")["bootstrap_servers"]
        statuses, found = _ask(broker, queries)
    finally:
        millrace("down")
    assert statuses.keys() == queries.keys()
    assert all(len(each) == 1 and each[0] in ENDINGS for each in statuses.values())
    recall = [len(relevant[each] & set(found[each][:10])) / len(relevant[each]) for each in ids]
    mean = sum(recall) / len(recall)
    print(f"{len(chosen):,} passages, {QUESTIONS} questions: recall@10 {mean:.3f}")
    assert mean >= (0.78 if FULL else 0.85)


def _ask(broker: str, queries: dict[str, str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The statuses that came for each question, and the documents that were read, best first."""
    consumer = Consumer(
        {"bootstrap.servers": broker, "group.id": "plain", "isolation.level": "read_committed"}
    )
    names = (topics.RAG_ANSWERS.name, topics.RAG_CLOSED.name)
    places = [
        TopicPartition(name, partition, 0)
        for name in names
        for partition in consumer.list_topics(timeout=10).topics[name].partitions
    ]
    consumer.assign(places)
    producer = Producer({"bootstrap.servers": broker})
    for key, query in queries.items():
        request = {"request_id": key, "tenant": "adgm", "query": query, "deadline_ms": 60_000}
        producer.produce("rag.requests", json.dumps(request).encode())
    producer.flush()
    codec = Codec()
    statuses: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    until = time.monotonic() + PATIENCE_S
    while min(len(statuses), len(found)) < len(queries) and time.monotonic() < until:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        value: Any = message.value()
        if message.topic() == topics.RAG_ANSWERS.name:
            answer = codec.decode(topics.RAG_ANSWERS, value)
            statuses.setdefault(answer.request_id, []).append(answer.status)
        else:
            closed = codec.decode(topics.RAG_CLOSED, value)
            found[closed.answer.request_id] = [each.doc_id for each in closed.passages]
    consumer.close()
    return statuses, found
