"""Clearance: who is proven, by a token or a topic, sees what is for it, whatever it says it is.

`make drill` sends 20,000 to a running stack that wants tokens (CLEARED=COUNT sends so many, and
CLEARED_IN_MEMORY=COUNT in memory).
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from connectors.tokens.keys import Keys
from connectors.tokens.verifying import Expected, JwtTokens
from processors.caching.entries import Caching
from processors.needs import TOKENS
from schemas import topics
from schemas.events import QuestionAnswered
from streams.app import opening
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.edge import client
from streams.local.supervisor import Stack
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.testing import Driver
from tests.attacks.cleared import (
    AUDIENCE,
    ISSUER,
    REPLIES,
    ROLES,
    TENANTS,
    WATCHED,
    About,
    Intruders,
    Sent,
    documents,
    jwks,
)
from tests.attacks.test_tenants import at_rest
from tests.support.fakes import CONFIG, ROOT, FakePorts
from tests.system.drill import Edge

SEED = int(os.environ.get("SEED") or random.randrange(10**6))
COUNT = int(os.environ.get("CLEARED") or 20_000)
IN_MEMORY = int(os.environ.get("CLEARED_IN_MEMORY") or 600)
AT_ONCE, HONEST = 1_000, 40


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """The shipped ones, with the roles of these people; nothing is read, so that many can ask."""
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    said: Any = yaml.safe_load((folder / "tenants.yaml").read_text())
    said["defaults"]["roles"] |= ROLES
    (folder / "tenants.yaml").write_text(yaml.safe_dump(said))
    answering = folder / "answering.yaml"
    answering.write_text(answering.read_text().replace("passages: 5", "passages: 0"))
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_text(jwks())
    return file


def batch(intruders: Intruders, hostile: int) -> list[Sent]:
    """What honest people ask, and among that, once there is something to look for, the others."""
    sent = [intruders.honest() for _ in range(HONEST)]
    return intruders.shuffled([*sent, *(intruders.hostile(hostile) if intruders.known else ())])


def judged(
    intruders: Intruders, about: About, read: Iterable[tuple[str, bytes | None]], codec: Codec
) -> str:
    """Nobody was told anything; in words, what they were answered."""
    read = [*read]
    assert intruders.leaks(about, read) == []
    answers: list[QuestionAnswered] = [
        codec.decode(topics.RAG_ANSWERS, value) for topic, value in read if topic == "rag.answers"
    ]
    told = Counter(each.status for each in answers)
    cached = sum(bool(each.cached) for each in answers)
    assert told["answered"] > len(answers) / 10, "honest people, and some others, are answered"
    assert cached > 0, "the cache took part"
    assert told["refused"] > 0
    if intruders.proven:
        rules = {word for each in answers for reason in each.reasons for word in reason.split()}
        assert {"token-signature", "token-expired"} <= {word.strip("(),.") for word in rules}
    return f"{dict(told)}, {cached} from the cache"


@pytest.mark.parametrize("identity", ["token", "topic"])
def test_nobody_is_told_more_than_it_may_see_in_memory(
    identity: str, policies: Path, keys: Path
) -> None:
    print(f"SEED={SEED}")
    intruders = Intruders(SEED, proven=identity == "token")
    admit = replace(
        CONFIG.admit, identity=identity, tenants=frozenset(TENANTS), reply_topics=frozenset(REPLIES)
    )
    stages = topology(replace(CONFIG, admit=admit, caching=Caching(similar=0.3)))
    ports = FakePorts(policy=Compiled(read(policies)))
    tokens = JwtTokens(Keys(str(keys)), Expected(["RS256"], ISSUER, AUDIENCE))
    driver = Driver(stages, ports.opened.beside(TOKENS, tokens))
    for document in documents():
        driver.send(topics.DOCS_FEED, document)
    driver.run()
    while sum(intruders.sent.values()) < IN_MEMORY:
        for sent in batch(intruders, 200):
            driver.send(sent.topic, sent.value, key=sent.key.encode(), headers=sent.headers)
        driver.run()
        intruders.settle()
    seen = [(name, record.value) for name in WATCHED for record in driver.records(name)]
    print(judged(intruders, About(driver.codec, stages), seen, driver.codec))


@pytest.fixture
def running(policies: Path, keys: Path, tmp_path: Path) -> Iterator[Stack]:
    settings = Settings(
        data=tmp_path / "data",
        policies=policies,
        identity="token",
        token={"jwks": str(keys), "issuer": ISSUER, "audience": AUDIENCE},
        tenants=TENANTS,
        reply_topics=REPLIES,
        answers={"cached": "always"},
        shed=False,  # all of them are to be worked on
    )
    with Stack(settings) as stack:
        yield stack


@pytest.mark.drill
@pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="minutes: run `make drill`")
def test_nobody_is_told_more_than_it_may_see(running: Stack) -> None:
    print(f"\nSEED={SEED}")
    settings, codec, edge = running.settings, Codec(), Edge(running.settings)
    intruders, begin = Intruders(SEED), time.monotonic()
    for document in documents():
        value = codec.encode(topics.DOCS_FEED.name, document)
        edge.put(topics.DOCS_FEED.name, topics.document_key(document), value)
    at_rest(settings, edge)
    while (sent := sum(intruders.sent.values())) < COUNT:
        for each in batch(intruders, min(AT_ONCE, COUNT - sent)):
            edge.put(each.topic, each.key, each.value, each.headers)
        at_rest(settings, edge)
        intruders.settle()
    seconds = time.monotonic() - begin
    with client.reader(settings) as consumer:
        records = map(kafka.received, client.replay(consumer, WATCHED))
        seen = [(record.topic, record.value) for record in records]
    told = judged(intruders, About(codec, opening.stages(settings)), seen, codec)
    print(
        f"{sum(intruders.sent.values()):,} hostile requests ({dict(intruders.sent)}) in "
        f"{seconds:.0f} s: {told}; nobody was told what it may not see"
    )
