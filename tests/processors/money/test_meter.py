"""Each model call is one record on rag.usage, whatever crashes."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

from processors.models import Completion
from processors.needs import generator
from processors.questions.rewrite import VariantsConfig
from schemas import topics
from schemas.events import DocumentFed
from streams.app.topology import topology
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, BagOfWords, FakePorts
from tests.support.prices import PRICES
from tests.support.told_generator import ToldGenerator


class Reading(BagOfWords):
    """Says how many tokens it read of a passage, as a model does."""

    def embed_passages(self, passages: Any) -> list[Any]:
        made = super().embed_passages(passages)
        counted = [len(p.text.split()) for p in passages]
        return [replace(each, tokens=n) for each, n in zip(made, counted, strict=True)]


def reworded(_: str, text: str) -> Completion:
    return Completion("What is the limit?", len(text.split()), 4, cached_tokens=1)


def test_every_call_is_metered_once_though_batches_are_lost_and_come_again() -> None:
    rng = random.Random(11)
    config = replace(
        CONFIG, prices=PRICES, variants=VariantsConfig("Reword.", prices=PRICES, tier="told")
    )
    driver = Driver(
        topology(config),
        FakePorts(embedder=Reading()).opened.beside(generator("told"), ToldGenerator(reworded)),
        batch=3,
        fault=lambda _stage, _moment: rng.random() < 0.3,
    )
    body = "# Limits\n\nThe cash limit of a Classic card is 600 euros.\n"
    for version in (1, 2):  # the second has nothing new for the model
        fed = DocumentFed(op="upsert", tenant="acme", doc_id="a", version=version, body=body)
        driver.send(topics.DOCS_FEED, fed)
        driver.run()
    for number in range(7):
        asked = {"request_id": f"r{number}", "tenant": "acme", "user": "ada", "query": "limit?"}
        driver.send(topics.RAG_REQUESTS, json.dumps(asked).encode(), key=None)
    driver.run()
    closed = driver.events(topics.RAG_CLOSED)
    found = driver.events(topics.RAG_USAGE)
    assert len({each.usage_id for each in found}) == len(found)
    questions = [each for each in found if each.user == "ada"]
    documents = [each for each in found if each.user is None]
    assert [(each.subject, each.used.operation) for each in documents] == [("a", "embed")]
    assert documents[0].used.input_tokens > 0 and documents[0].used.cost_nanos
    calls = [(each.answer.request_id, used) for each in closed for used in each.carried.usage]
    metered = [(each.subject, each.used) for each in questions]
    assert Counter(map(str, calls)) == Counter(map(str, metered))
    assert Counter(used.operation for _, used in metered) == {"rewrite": 7, "embed": 7}
    assert {record.key for record in driver.records(topics.RAG_USAGE.name)} == {b"acme"}


def test_a_replay_gives_the_same_ids() -> None:
    ids: list[list[str]] = []
    for _ in range(2):
        driver = Driver(topology(CONFIG), FakePorts().opened)
        asked = b'{"request_id": "r", "tenant": "acme", "query": "limit?"}'
        driver.send(topics.RAG_REQUESTS, asked, key=None)
        driver.run()
        ids.append([each.usage_id for each in driver.events(topics.RAG_USAGE)])
    assert ids[0] == ids[1] != []
