"""The whole topology in memory: the same processing as the worker, with crashes injected."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Sequence
from functools import partial

import pytest

from processors.documents.ingest import split_body
from processors.places import DOCUMENTS, QUESTIONS
from processors.questions.carried import decided
from schemas import topics
from schemas.events import DocumentFed, QuestionAdmitted, QuestionAsked, QuestionRewritten
from streams.app.topology import topology
from streams.flow.errors import Reject
from streams.flow.outcome import Received
from streams.flow.stage import record_stage
from streams.flow.topic import Topic
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, BagOfWords, FakePorts

HANDBOOK = "# Limits\n\nThe cash limit of a Classic card is 600 euros.\n\nAsk the desk for more.\n"


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


def test_a_document_becomes_searchable_and_a_question_gets_a_cited_answer() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK))
    driver.run()
    driver.send(
        topics.RAG_REQUESTS,
        json.dumps(
            {"tenant": "acme", "query": "What is the cash limit of a Classic card?"}
        ).encode(),
        key=None,
    )
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    assert answer.status == "answered", answer.reasons
    assert "600 euros" in answer.answer
    (chunk,) = ports.index.scan("acme")
    for citation in answer.citations:
        assert chunk.text[citation.start : citation.end] == citation.quote
    assert set(answer.timings_ms) == {
        "admit",
        "rewrite",
        "retrieve",
        "rerank",
        "generate.extractive",
    }


def test_other_tenants_see_nothing_of_it() -> None:
    driver = _driver(FakePorts())
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK))
    asked = QuestionAsked(tenant="other", query="What is the cash limit of a Classic card?")
    driver.send(topics.RAG_REQUESTS, asked)
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    assert (answer.status, answer.citations) == ("abstained", [])


def test_an_unchanged_document_fed_again_costs_no_model_call() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK, 1))
    driver.run()
    embedded = ports.embedder.passages
    assert embedded > 0
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK, 2))
    driver.run()
    assert ports.embedder.passages == embedded
    assert _live(ports) == {"a.md": {2}}


@pytest.mark.parametrize("seed", range(12))
def test_any_history_under_crashes_ends_in_exactly_its_last_state(seed: int) -> None:
    rng = random.Random(seed)
    ports = FakePorts()
    driver = _driver(ports, batch=3, fault=lambda _stage, _moment: rng.random() < 0.3)
    expected: dict[str, int] = {}
    for version in range(1, 60):
        doc_id = f"d{rng.randrange(8)}.md"
        if rng.random() < 0.3:
            driver.send(topics.DOCS_FEED, _fed(None, version, doc_id))
            expected.pop(doc_id, None)
        else:
            words = " ".join(
                rng.choices(["alpha", "beta", "gamma", "delta"], k=rng.randrange(1, 400))
            )
            driver.send(topics.DOCS_FEED, _fed(f"# H\n\n{words}. End.", version, doc_id))
            expected[doc_id] = version
        if rng.random() < 0.5:
            driver.run()
    driver.run()
    assert _live(ports) == {doc_id: {version} for doc_id, version in expected.items()}


def test_a_long_document_travels_in_parts_and_leaves_as_one() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    body = "\n\n".join(
        f"# Part {n}\n\n" + f"Sentence {n} of the long text. " * 400 for n in range(80)
    )
    driver.send(topics.DOCS_FEED, _fed(body, 1))
    driver.run()
    assert not driver.dead_letters(topics.DOCS_DLQ)
    assert len(driver.events(topics.DOCS_CHANGES)) > 1
    assert all(len(r.value or b"") < 1_000_000 for r in driver.records("docs.vectors"))
    assert _live(ports) == {"a.md": {1}}
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK, 2))
    driver.run()
    assert [chunk.doc_version for chunk in ports.index.scan("acme")] == [2]
    driver.send(topics.DOCS_FEED, _fed(None, 3))
    driver.run()
    assert _live(ports) == {}


def _log(driver: Driver) -> dict[bytes | None, bytes | None]:
    """What compaction leaves of docs.changes: the last value of each key."""
    return {record.key: record.value for record in driver.records(topics.DOCS_CHANGES.name)}


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents travel in parts from 400 bytes on."""
    monkeypatch.setattr("processors.documents.ingest.split_body", partial(split_body, limit=400))


def _long(words: str, parts: int) -> str:
    return "\n\n".join(
        f"# Part {n}\n\n" + f"{words} " * (360 // (len(words) + 1)) for n in range(parts)
    )


@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("seed", range(6))
def test_the_log_keeps_parts_of_living_versions_only(seed: int) -> None:
    rng = random.Random(seed)
    ports = FakePorts()
    driver = _driver(ports, batch=3, fault=lambda _stage, _moment: rng.random() < 0.2)
    expected: dict[str, tuple[int, int]] = {}
    for version in range(1, 40):
        doc_id = f"d{rng.randrange(4)}.md"
        parts = rng.choice([1, 2, 3, 5])
        if rng.random() < 0.3:
            driver.send(topics.DOCS_FEED, _fed(None, version, doc_id))
            expected.pop(doc_id, None)
        else:
            driver.send(topics.DOCS_FEED, _fed(_long(f"word{version}", parts), version, doc_id))
            expected[doc_id] = (version, parts)
        if rng.random() < 0.5:
            driver.run()
    driver.run()
    assert not driver.dead_letters(topics.DOCS_DLQ)
    left = [
        driver.codec.decode(topics.DOCS_CHANGES, value)
        for value in _log(driver).values()
        if value is not None
    ]
    living: dict[str, list[int]] = {}
    for change in left:
        document = change.document
        if document.op == "upsert":
            assert document.version == expected[document.doc_id][0], "of the living version only"
            living.setdefault(document.doc_id, []).append(change.part)
    assert {doc: sorted(found) for doc, found in living.items()} == {
        doc_id: [*range(parts)] for doc_id, (_, parts) in expected.items()
    }
    assert _live(ports) == {doc_id: {version} for doc_id, (version, _) in expected.items()}


@pytest.mark.usefixtures("short_parts")
def test_a_version_that_lost_a_part_is_not_whole_and_is_told() -> None:
    class Picky(BagOfWords):
        poison = "poison"

        def count(self, texts: Sequence[str]) -> list[int]:
            if any(self.poison and self.poison in text for text in texts):
                raise Reject("cannot be counted")
            return super().count(texts)

    embedder = Picky()
    ports = FakePorts(embedder=embedder)
    driver = _driver(ports)
    driver.send(topics.DOCS_FEED, _fed(_long("former", 4), 1))
    driver.run()
    former = {chunk.ordinal for chunk in ports.index.scan("acme")}
    told = len(driver.events(topics.DOCS_INDEXED))

    first, second, third = (_long(word, 1) for word in ("uno", "poison", "tres"))
    driver.send(topics.DOCS_FEED, _fed("\n\n".join([first, second, third]), 2))
    driver.run()
    chunked, indexed = driver.dead_letters(topics.DOCS_DLQ)
    assert (chunked.stage, chunked.reason) == ("chunk", "cannot be counted")
    assert indexed.stage == "index"
    assert "version 2 of acme/a.md is not whole: of its 3 parts, 2 did not come" in indexed.reason
    assert not any(done.last for done in driver.events(topics.DOCS_INDEXED)[told:])
    assert {chunk.ordinal for chunk in ports.index.scan("acme")} >= former
    assert _live(ports) == {"a.md": {1, 2}}
    assert all(_log(driver).values()), "the former version's parts are still in the log"

    embedder.poison = ""  # the cause is mended, and the letter replayed
    assert chunked.key is not None and chunked.value is not None
    document = chunked.key.partition(b"\0")[0]
    driver._append(chunked.topic, chunked.key, chunked.value, [], document, None)
    driver.run()
    assert _live(ports) == {"a.md": {2}}
    assert driver.events(topics.DOCS_INDEXED)[-1].last
    assert sum(value is not None for value in _log(driver).values()) == 3


def test_an_older_version_never_wins() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    driver.send(topics.DOCS_FEED, _fed("# New\n\nNew text.", 7))
    driver.send(topics.DOCS_FEED, _fed("# Old\n\nOld text.", 6))
    driver.run()
    assert _live(ports) == {"a.md": {7}}
    assert [e.superseded for e in driver.events(topics.DOCS_INDEXED)] == [False, True]


def test_one_trace_and_a_chain_of_causes_run_through_all_stages() -> None:
    driver = _driver(FakePorts())
    driver.send(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query="traced?"))
    driver.run()
    flow = ["rag.admitted", "rag.rewritten", "rag.retrieved", "rag.generate.extractive"]
    headers = [dict(next(driver.records(name)).headers) for name in [*flow, "rag.answers"]]
    assert len({(h["traceparent"] or b"")[3:35] for h in headers}) == 1
    assert len({h["correlationid"] for h in headers}) == 1
    for before, after in itertools.pairwise(headers):
        assert after["causationid"] == before["ce_id"]
    assert all(h["ce_specversion"] == b"1.0" for h in headers)


def test_a_replay_gives_the_same_ids() -> None:
    def ids() -> list[bytes | None]:
        driver = _driver(FakePorts())
        asked = QuestionAsked(request_id="r", tenant="acme", query="again?")
        driver.send(topics.RAG_REQUESTS, asked, timestamp=5)
        driver.run()
        return [dict(r.headers)["ce_id"] for r in driver.records("rag.answers")]

    assert ids() == ids() != []


def test_a_new_stage_is_a_processor_and_one_line() -> None:
    """What a person writes: this function in processors/, and the declaration below."""

    def shout(event: QuestionAdmitted) -> Iterable[QuestionRewritten]:
        loud = event.carried.question.query.upper()
        yield QuestionRewritten(carried=decided(event.carried, f"shout: {loud}"))

    loud = Topic("rag.loud", QuestionRewritten, topics.question_key)
    ports = FakePorts()
    flow = [
        *topology(CONFIG),
        record_stage(
            "shout",
            reads=topics.RAG_ADMITTED,
            make=lambda _: shout,
            writes=loud,
            dead_letters=topics.RAG_DLQ,
            place=QUESTIONS,
        ),
    ]
    driver = Driver(flow, ports.opened)
    driver.send(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query="quiet?"))
    driver.run()
    (event,) = driver.events(loud)
    assert event.carried.decisions == ["shout: QUIET?"]
    assert len(driver.events(topics.RAG_ANSWERS)) == 1


def test_a_bug_in_a_processor_is_raised_and_nothing_is_written() -> None:
    def broken(record: Received[DocumentFed]) -> Iterable[DocumentFed]:
        raise ZeroDivisionError

    from streams.flow.stage import edge_stage

    copy = Topic("copy", DocumentFed, topics.document_key)
    broken_stage = edge_stage(
        "broken",
        reads=topics.DOCS_FEED,
        make=lambda _: broken,
        writes=copy,
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
    )
    driver = Driver([broken_stage])
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK))
    with pytest.raises(ZeroDivisionError):
        driver.run()
    assert not list(driver.records("copy"))
    assert not list(driver.records("docs.dlq"))


def test_parts_and_documents_with_like_names_do_not_collide() -> None:
    driver = _driver(FakePorts())
    long = "\n\n".join(f"Paragraph {n} of many words. " * 300 for n in range(80))
    driver.send(topics.DOCS_FEED, _fed(long, 1, "a"))
    for doc_id in ("a#1", "a/1", "a\\01"):
        driver.send(topics.DOCS_FEED, _fed("short", 1, doc_id))
    driver.run()
    keys = [record.key for record in driver.records("docs.changes")]
    assert len(keys) == len(set(keys)) > 4
    parts = {
        r.partition
        for r in driver.records("docs.changes")
        if (r.key or b"").startswith(b"acme/a\0")
    }
    assert len(parts) == 1


def test_what_is_live_is_read_before_what_is_bulk() -> None:
    bulk = Topic("feed.bulk", DocumentFed, topics.document_key, bulk=True)
    copy = record_stage(
        "copy",
        reads=[bulk, topics.DOCS_FEED],
        make=lambda _: lambda event: [event],
        writes=Topic("out", DocumentFed, topics.document_key),
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
    )
    driver = Driver([copy], partitions=1, batch=2)
    for version in range(4):
        driver.send(bulk, _fed("bulk", version))
        driver.send(topics.DOCS_FEED, _fed("live", version))
    driver.run()
    assert [event.body for event in driver.events(copy.writes[0])] == 4 * ["live"] + 4 * ["bulk"]
