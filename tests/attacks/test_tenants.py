"""Other tenants: whatever one sends, it gets nothing of another's text, and takes nothing away.

`make drill` sends 20,000 to the running stack (TENANTS=COUNT sends so many); all seeds are printed.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from schemas import topics
from schemas.events import QuestionAnswered
from streams.app import opening
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.app.whose import Whose
from streams.cli.dlq import letters
from streams.edge import admin, client
from streams.edge.trails import trail_of
from streams.local.supervisor import Stack
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.testing import Driver
from tests.attacks.hostile import (
    CODE,
    OWNERS,
    REPLIES,
    TENANTS,
    WATCHED,
    Attackers,
    Sent,
    code,
    documents,
    leaks,
)
from tests.support.fakes import CONFIG, ROOT, FakePorts
from tests.system.drill import Edge
from tests.system.harness import until

SEED = int(os.environ.get("SEED") or random.randrange(10**6))
COUNT = int(os.environ.get("TENANTS") or 20_000)
AT_ONCE = 1_000
HONEST = 20  # beside so many
GUESSES = 40


def unanswered(attackers: Attackers, answers: Iterable[QuestionAnswered]) -> list[str]:
    """Honest questions that did not get their own code, once, whatever was sent beside them."""
    got: dict[tuple[str, str], list[str]] = {}
    for each in answers:
        got.setdefault((each.tenant, each.request_id), []).append(each.answer)
    return [
        f"{tenant} asked for its {subject} as {number} and got {said}"
        for tenant, subject, number in attackers.known
        if len(said := got.get((tenant, number), [])) != 1 or code(tenant, subject) not in said[0]
    ]


def answering_to(topic: str) -> Compiled:
    """The shipped policy, where answers of all tenants may go to this topic."""
    shipped = read(ROOT / "policies")
    defaults = {**cast("dict[str, Any]", shipped.data["defaults"]), "reply_topics": [topic]}
    return Compiled(replace(shipped, data={**shipped.data, "defaults": defaults}))


def test_hostile_tenants_get_nothing_of_each_others_text_in_memory() -> None:
    print(f"SEED={SEED}")
    attackers = Attackers(SEED)
    config = replace(CONFIG, admit=replace(CONFIG.admit, reply_topics=(REPLIES,)))
    stages = topology(config)
    driver = Driver(stages, FakePorts(policy=answering_to(REPLIES)).opened)
    for document in documents():
        driver.send(topics.DOCS_FEED, document)
    driver.run()
    for _ in range(3):
        sent = [
            each() for each in (attackers.honest, attackers.confidential) for _ in range(HONEST)
        ]
        sent += attackers.hostile(200)
        attackers.chance.shuffle(sent)
        for topic, key, value in sent:
            driver.send(topic, value, key=key.encode())
        driver.run()
    watched = [(name, record.value) for name in WATCHED for record in driver.records(name)]
    assert leaks(Whose(stages, driver.codec), watched) == []
    assert unanswered(attackers, driver.events(topics.RAG_ANSWERS)) == []
    assert sum(attackers.sent.values()) == 600
    told = {name for name, _ in watched}
    assert {REPLIES, "rag.dlq", "docs.dlq", "rag.closed"} <= told, "the attacks got that far"


def honest(attackers: Attackers) -> list[Sent]:
    """What is asked by those who want their own alone."""
    kinds = (attackers.honest, attackers.confidential)
    return [each() for each in kinds for _ in range(HONEST)]


@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("tenants")
    with Stack(Settings(data=folder, reply_topics=(REPLIES,))) as stack:
        yield stack


@pytest.mark.drill
@pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="minutes: run `make drill`")
def test_hostile_tenants_get_nothing_of_each_others_text(running: Stack) -> None:
    print(f"\nSEED={SEED}")
    settings, codec, edge = running.settings, Codec(), Edge(running.settings)
    stages = opening.stages(settings)
    attackers, begin = Attackers(SEED), time.monotonic()
    for document in documents():
        value = codec.encode(topics.DOCS_FEED.name, document)
        edge.put(topics.DOCS_FEED.name, topics.document_key(document), value)
    at_rest(settings, edge)
    for start in range(0, COUNT, AT_ONCE):
        sent = [
            each() for each in (attackers.honest, attackers.confidential) for _ in range(HONEST)
        ]
        sent += attackers.hostile(min(AT_ONCE, COUNT - start))
        attackers.chance.shuffle(sent)
        send(edge, sent)
        at_rest(settings, edge)
    seconds = time.monotonic() - begin
    with client.reader(settings) as consumer:
        read = [
            (record.topic, record.value)
            for record in map(kafka.received, client.replay(consumer, WATCHED))
        ]
    assert leaks(Whose(stages, codec), read) == []
    answers = [codec.decode(topics.RAG_ANSWERS, v) for t, v in read if t == "rag.answers"]
    assert unanswered(attackers, answers) == []
    dead = guessed(settings, codec, attackers, begin_ms=int((time.time() - seconds - 60) * 1000))
    print(
        f"{sum(attackers.sent.values()):,} hostile requests ({dict(attackers.sent)}) beside "
        f"{len(attackers.known):,} honest ones in {seconds:.0f} s: {len(answers):,} answers, "
        f"{dead:,} dead letters, {GUESSES} guessed trails; no text of another's"
    )


def send(edge: Edge, sent: Iterable[Sent]) -> None:
    for topic, key, value in sent:
        edge.put(topic, key, value)


def at_rest(settings: Settings, edge: Edge) -> None:
    """Wait until no stage has anything to read."""
    edge.flush()
    stages = opening.stages(settings)

    def behind() -> int:
        return sum(admin.lag(settings, stages).values())

    # Of each partition a marker of a transaction may stand at the end, for ever unread.
    markers = sum(len(each.topics) for stage in stages for each in stage.subscriptions)
    until(lambda: behind() <= markers, "the stages to come to rest", 120)


def guessed(settings: Settings, codec: Codec, attackers: Attackers, begin_ms: int) -> int:
    """Trails and dead letters, asked for by who guesses their names; how many letters there are."""
    for _ in range(GUESSES):
        tenant, _subject, number = attackers.chance.choice(attackers.known)
        me = attackers.chance.choice([each for each in TENANTS if each != tenant])
        with client.reader(settings) as consumer:
            steps = trail_of(number, me, consumer, codec, since=begin_ms)
        codes = CODE.findall(json.dumps(steps, default=str).encode())
        assert {OWNERS[each] for each in codes} <= {me}, f"{me} guessed {number} of {tenant}"
    shown = {tenant: list(letters(settings, codec, tenant)) for tenant in TENANTS}
    whose = Whose(opening.stages(settings), codec)
    for tenant, mine in shown.items():
        assert all(whose.letter(letter) == tenant for _, letter in mine)
    return sum(map(len, shown.values()))
