"""A changed chunking policy: what it concerns is chunked again, in memory, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from processors.documents.applying import apply
from processors.documents.chunking import ChunkingConfig, ChunkingPolicy
from schemas import topics
from schemas.events import DocumentFed, DocumentIndexed, QuestionAsked
from streams.app.topology import topology
from streams.edge.concerned import Chunked, Plan, access_again, asked_again, compared, plan
from streams.edge.reindex import Report, Waiting
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

OLD = ChunkingPolicy("one", {"code": ChunkingConfig(("code",), max_tokens=60)}, ChunkingConfig())
NEW = replace(OLD, version="two", other=replace(OLD.other, max_tokens=50, min_tokens=10))
TEXT = "\n\n".join(
    f"The limit of card {n} is {n}00 euros. " + "It holds for every branch. " * 12 for n in range(9)
)


def driver(ports: FakePorts, policy: ChunkingPolicy, former: Driver | None = None) -> Driver:
    """Workers on this policy; with `former`, restarted on the topics that it left."""
    stages = topology(replace(CONFIG, chunking=policy))
    if former is None:
        return Driver(stages, ports.opened)
    restarted = Driver(stages, ports.opened, log=former.log)
    restarted._positions = former._positions  # type: ignore[attr-defined]
    return restarted


def fed(doc_id: str, version: int = 1, body: str | None = TEXT, kind: str = "text") -> DocumentFed:
    op = "delete" if body is None else "upsert"
    return DocumentFed(
        op=op, tenant="acme", doc_id=doc_id, version=version, body=body, doc_type=kind
    )


def chunked(ports: FakePorts) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for chunk in ports.index.scan():
        found.setdefault(f"{chunk.tenant}/{chunk.doc_id}", set()).add(chunk.chunking)
    return found


def stamped(ports: FakePorts) -> dict[str, set[Chunked]]:
    found: dict[str, set[Chunked]] = {}
    for chunk in ports.index.scan():
        each = chunk.chunking, (chunk.doc_version, chunk.doc_sequence)
        found.setdefault(f"{chunk.tenant}/{chunk.doc_id}", set()).add(each)
    return found


def left(run: Driver) -> list[DocumentIndexed]:
    """What compaction leaves of docs.indexed under the documents' own keys."""
    last = {record.key or b"": record.value for record in run.records(topics.DOCS_INDEXED.name)}
    return [
        run.codec.decode(topics.DOCS_INDEXED, value)
        for key, value in last.items()
        if value is not None and b"\0" not in key
    ]


def planned(run: Driver, ports: FakePorts, policy: ChunkingPolicy, **only: str) -> Plan:
    """From acknowledgements, which is as from all texts and what the index holds."""

    def hash_of(kind: str) -> str:
        return policy.of(kind).hash

    found = plan(left(run), hash_of, **only)
    assert found == plan(run.events(topics.DOCS_INDEXED), hash_of, **only)
    changes = run.events(topics.DOCS_CHANGES)
    assert found == compared(changes, stamped(ports), hash_of, **only)
    return found


def reindex(run: Driver, found: Plan, generation: int = 1) -> int:
    again = list(asked_again(run.events(topics.DOCS_CHANGES), found.concerned, generation))
    for change in again:
        run.send(topics.DOCS_REINDEX, change)
    return len(again)


def state(ports: FakePorts) -> Mapping[str, list[tuple[int, int, str]]]:
    found: dict[str, list[tuple[int, int, str]]] = {}
    for chunk in ports.index.scan():
        found.setdefault(chunk.doc_id, []).append((chunk.doc_version, chunk.ordinal, chunk.text))
    return {doc_id: sorted(chunks) for doc_id, chunks in found.items()}


def test_a_changed_policy_chunks_again_only_what_it_concerns() -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    for document in (fed("a"), fed("b"), fed("c.py", body="x = 1\n" * 90, kind="code")):
        before.send(topics.DOCS_FEED, document)
    before.send(topics.DOCS_FEED, fed("blank", body=" \n"))
    before.send(topics.DOCS_FEED, fed("gone", body="Was here."))
    before.send(topics.DOCS_FEED, fed("gone", 2, None))
    before.run()
    assert planned(before, ports, OLD).concerned == {}
    found = planned(before, ports, NEW)
    assert found.documents == 3
    assert set(found.concerned) == {"acme/a", "acme/b"}
    assert set(planned(before, ports, NEW, tenant="other").concerned) == set()
    assert set(planned(before, ports, NEW, doc_type="code").concerned) == set()

    after = driver(ports, NEW, before)
    untouched = state(ports)["c.py"]
    assert reindex(after, found) == 2
    after.run()
    fresh = FakePorts()
    again = driver(fresh, NEW)
    for document in (fed("a"), fed("b"), fed("c.py", body="x = 1\n" * 90, kind="code")):
        again.send(topics.DOCS_FEED, document)
    again.run()
    assert state(ports) == state(fresh)
    assert state(ports)["c.py"] == untouched
    assert planned(after, ports, NEW).concerned == {}


def test_chunks_whose_text_stays_the_same_cost_no_embedding() -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    before.send(topics.DOCS_FEED, fed("short", body="# A\n\nOne short text."))
    before.run()
    embedded = ports.embedder.passages
    after = driver(ports, NEW, before)
    found = planned(after, ports, NEW)
    assert reindex(after, found) == 1
    after.run()
    assert ports.embedder.passages == embedded
    assert chunked(ports) == {"acme/short": {NEW.other.hash}}


def test_questions_are_answered_while_documents_are_chunked_again() -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    for number in range(12):
        before.send(topics.DOCS_FEED, fed(f"d{number}"))
    before.run()
    after = driver(ports, NEW, before)
    after.batch = 1
    reindex(after, planned(after, ports, NEW))
    for number in range(20):
        query = f"What is the limit of card {number % 9}?"
        after.send(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query=query))
        for stage in after.stages:
            after._step(stage)  # type: ignore[attr-defined]
    after.run()
    answers = after.events(topics.RAG_ANSWERS)
    assert [answer.status for answer in answers] == ["answered"] * 20
    assert set.union(*chunked(ports).values()) == {NEW.other.hash}


@pytest.mark.parametrize("change_first", [True, False])
@pytest.mark.parametrize("body", ["New text.", None])
def test_a_change_that_races_with_the_reindex_wins(change_first: bool, body: str | None) -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    before.send(topics.DOCS_FEED, fed("a"))
    before.run()
    after = driver(ports, NEW, before)
    found = planned(after, ports, NEW)
    if change_first:
        after.send(topics.DOCS_FEED, fed("a", 2, body))
        after.run()
        reindex(after, found)
    else:
        reindex(after, found)
        after.send(topics.DOCS_FEED, fed("a", 2, body))
    after.run()
    expected = {} if body is None else {"a": [(2, 0, "New text.")]}
    assert state(ports) == expected
    newest = after.events(topics.DOCS_CHANGES)[-1]
    assert newest.document.version == 2  # what compaction keeps, and an index is rebuilt from


def test_chunks_of_a_worker_on_the_old_policy_do_not_mix_with_the_new() -> None:
    """Both work on one version at once, each in several records, in any order."""
    long = "\n\n".join(TEXT.replace("card", f"card{n}") for n in range(30))
    made = {}
    for policy, generation in ((OLD, 0), (NEW, 5)):
        alone = driver(FakePorts(), policy)
        alone.send(topics.DOCS_FEED, fed("a", body=long))
        alone.run()
        made[generation] = [
            replace(event, document=replace(event.document, generation=generation))
            for event in alone.events(topics.DOCS_VECTORS)
        ]
        assert len(made[generation]) > 1
    for seed in range(20):
        rng = random.Random(seed)
        old, new = [*made[0]], [*made[5]]
        ports = FakePorts()
        while old or new:
            queue = rng.choice([each for each in (old, new) if each])
            apply(ports.index, [queue.pop(0)])
        fresh = FakePorts()
        apply(fresh.index, made[5])
        assert state(ports) == state(fresh), seed


def test_an_interrupted_run_is_completed_by_another() -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    for number in range(6):
        before.send(topics.DOCS_FEED, fed(f"d{number}"))
    before.run()
    after = driver(ports, NEW, before)
    found = planned(after, ports, NEW)
    half = Plan(found.documents, dict(list(found.concerned.items())[:3]))
    reindex(after, half, 1)
    after.run()
    rest = planned(after, ports, NEW)
    assert len(rest.concerned) == 3
    assert reindex(after, rest, 2) == 3
    after.run()
    assert planned(after, ports, NEW).concerned == {}


def test_a_document_in_parts_is_chunked_again_in_parts() -> None:
    ports = FakePorts()
    before = driver(ports, OLD)
    before.send(topics.DOCS_FEED, fed("long", body="\n\n".join([TEXT] * 200)))
    before.run()
    assert len(before.events(topics.DOCS_CHANGES)) > 1
    after = driver(ports, NEW, before)
    found = planned(after, ports, NEW)
    assert reindex(after, found) == len(before.events(topics.DOCS_CHANGES))
    after.run()
    assert planned(after, ports, NEW).concerned == {}
    assert not after.dead_letters(topics.DOCS_DLQ)


def test_the_newest_version_is_asked_for_wherever_it_stands() -> None:
    run = driver(FakePorts(), OLD)
    run.send(topics.DOCS_FEED, fed("a", 7, "Seven."))
    run.send(topics.DOCS_FEED, fed("a", 6, "Six."))
    run.run()
    changes = run.events(topics.DOCS_CHANGES)
    for found in (plan(left(run), lambda kind: "new"), compared(changes, {}, lambda kind: "new")):
        (again,) = asked_again(changes, found.concerned, 3)
        assert (again.body, again.document.generation) == ("Seven.", 3)


def test_what_is_superseded_or_only_begun_hides_no_acknowledgement() -> None:
    ports = FakePorts()
    run = driver(ports, OLD)
    run.send(topics.DOCS_FEED, fed("a", 2, "Two."))
    run.send(topics.DOCS_FEED, fed("a", 1, "One."))
    run.send(topics.DOCS_FEED, fed("long", body="\n\n".join([TEXT] * 200)))
    run.run()
    told = run.events(topics.DOCS_INDEXED)
    assert any(done.superseded for done in told)
    assert not all(done.last for done in told)
    whole = {done.document.doc_id: (done.document.version, done.chunks) for done in left(run)}
    assert whole == {"a": (2, 1), "long": (1, len(state(ports)["long"]))}
    keys = {record.key for record in run.records(topics.DOCS_INDEXED.name)}
    assert keys == {b"acme/a", b"acme/a\0superseded", b"acme/long", b"acme/long\0begun"}


def test_a_version_that_came_after_the_plan_is_asked_for_too_and_no_deletion() -> None:
    """Acknowledgements of two lanes may change places, so that an older one is kept."""
    run = driver(FakePorts(), OLD)
    run.send(topics.DOCS_FEED, fed("a", 7, "Seven."))
    run.send(topics.DOCS_FEED, fed("b", 3, "Three."))
    run.send(topics.DOCS_FEED, fed("b", 4, None))
    run.run()
    kept = {"acme/a": (6, 0), "acme/b": (2, 0)}
    again = list(asked_again(run.events(topics.DOCS_CHANGES), kept, 3))
    assert sorted(change.body for change in again) == ["Seven.", "Three."]


def test_a_version_cut_by_two_policies_is_concerned_by_either() -> None:
    """Its parts went through workers of both, one of which was restarted in between."""
    long = "\n\n".join([TEXT] * 200)
    made = {}
    for policy in (OLD, NEW):
        alone = driver(FakePorts(), policy)
        alone.send(topics.DOCS_FEED, fed("a", body=long))
        alone.run()
        made[policy.version] = alone.events(topics.DOCS_VECTORS)
    parts = {event.part for event in made["one"]}
    assert len(parts) > 1
    run = driver(FakePorts(), OLD)
    for event in made["one"]:
        if event.part == 0:
            run.send(topics.DOCS_VECTORS, event)
    for event in made["two"]:
        if event.part > 0:
            run.send(topics.DOCS_VECTORS, event)
    run.run()
    (done,) = left(run)
    assert (done.last, done.chunking) == (True, "")
    for policy in (OLD, NEW):

        def hash_of(kind: str, policy: ChunkingPolicy = policy) -> str:
            return policy.of(kind).hash

        assert set(plan([done], hash_of).concerned) == {"acme/a"}


def test_a_document_that_the_index_lost_is_concerned() -> None:
    run = driver(FakePorts(), OLD)
    run.send(topics.DOCS_FEED, fed("a"))
    run.run()
    found = compared(run.events(topics.DOCS_CHANGES), {}, lambda kind: OLD.of(kind).hash)
    assert set(found.concerned) == {"acme/a"}


def test_a_document_that_the_index_lost_is_as_closed_again_as_it_was() -> None:
    run = driver(FakePorts(), OLD)
    run.send(topics.DOCS_FEED, replace(fed("a"), acl=["staff"]), timestamp=1_000)
    run.send(topics.DOCS_FEED, fed("b"), timestamp=1_000)
    run.run()
    for said in ({"classes": ["secret"]}, {"acl": ["board"]}):
        closed = DocumentFed(op="access", tenant="acme", doc_id="a", **said)  # type: ignore[arg-type]
        run.send(topics.DOCS_FEED, closed, timestamp=2_000)
        run.run()
    told = {record.key: record.value for record in run.records(topics.DOCS_INDEXED.name)}
    left_over = [run.codec.decode(topics.DOCS_INDEXED, each) for each in told.values() if each]
    found = compared(run.events(topics.DOCS_CHANGES), {}, lambda kind: OLD.of(kind).hash)

    empty = FakePorts()
    again = driver(empty, OLD)
    for change in access_again(left_over, found.concerned, 7):
        again.send(topics.DOCS_REINDEX, change)
    for change in asked_again(run.events(topics.DOCS_CHANGES), found.concerned, 7):
        again.send(topics.DOCS_REINDEX, change)
    again.run()
    seen = {(each.doc_id, *each.acl, *each.classes) for each in empty.index.scan("acme")}
    assert seen == {("a", "board", "secret"), ("b", "*", "unclassified")}


@dataclass
class Told:
    """A record of docs.indexed as a consumer gives it."""

    record: bytes

    def value(self) -> bytes:
        return self.record

    def topic(self) -> str:
        return topics.DOCS_INDEXED.name

    def error(self) -> None:
        return None


class Acks:
    """A consumer of acknowledgements."""

    def __init__(self, records: Iterable[bytes]) -> None:
        self._records = iter(records)

    def poll(self, _: float) -> Told | None:
        return next(map(Told, self._records), None)

    def consume(self, *_: object) -> list[Told]:
        return []


def test_a_document_is_waited_for_until_its_text_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.edge.reindex.from_the_end", lambda *_: None)
    run = driver(FakePorts(), OLD)
    run.send(topics.DOCS_FEED, replace(fed("a"), acl=["staff"]))
    run.run()
    log = run.events(topics.DOCS_CHANGES)
    known = {"acme/a": (0, 0)}
    again = [*access_again(run.events(topics.DOCS_INDEXED), known, 7), *asked_again(log, known, 7)]
    assert [each.document.op for each in again] == ["access", "upsert"]
    before = len(run.events(topics.DOCS_INDEXED))
    for change in again:
        run.send(topics.DOCS_REINDEX, change)
    run.run()
    acks = [each.value or b"" for each in [*run.records(topics.DOCS_INDEXED.name)][before:]]
    report = Report(1, 1)
    waiting = Waiting(run.codec, cast("Any", Acks(acks)), 7, report)
    waiting.expect("acme/a", OLD.of("text").hash)
    waiting.settle(5.0)
    assert (waiting.expected, report.rechunked, len(acks)) == ({}, 1, 2)
    assert report.chunks > 0
