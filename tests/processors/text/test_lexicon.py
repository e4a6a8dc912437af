"""What a corpus says of its own words, and what else a question is therefore searched for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.bm25.lexicons import Lexicons
from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from processors.questions.expansion import expanded
from processors.questions.retrieve import retrieve
from processors.text.lexicon import Lexicon, acronyms
from tests.processors.questions.test_retrieve import CONFIG, Embedder, asked, stocked
from tests.support.index_events import SIZE, change, delete

LAUNDERING = "Anti-Money Laundering (AML) rules apply."


def lexicon(*texts: str) -> Lexicon:
    made = Lexicon()
    for text in texts:
        made.add(text)
    return made


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (LAUNDERING, [("AML", "Anti Money Laundering")]),
        ("the Terms of Reference (ToR) say", [("ToR", "Terms of Reference")]),
        (
            "a Multilateral Trading Facility (MTF) or Facilities",
            [("MTF", "Multilateral Trading Facility")],
        ),
        ("the Bank of the North (BN) opens", [("BN", "Bank of the North")]),
        ("see the annex (USA) for more", []),
        ("a very long walk (AB)", []),
        ("Recognised Investment Exchanges (RIEs)", [("RIE", "Recognised Investment Exchanges")]),
    ],
)
def test_a_short_form_stands_for_the_words_it_is_made_of(
    text: str, pairs: list[tuple[str, str]]
) -> None:
    assert [*acronyms(text)] == pairs


def test_an_acronym_is_spelled_out_as_the_corpus_mostly_does() -> None:
    found = lexicon(LAUNDERING, LAUNDERING + " More.", "Ask Mary Lee (AML), a Modern Lawyer (AML)")
    assert found.spelled_out("Who owns AML?") == "Who owns AML (anti money laundering)?"
    assert found.spelled_out("Who owns aml or XYZ?") is None
    assert found.spelled_out("Is anti money laundering AML?") is None


def test_a_word_that_no_chunk_has_becomes_the_nearest_that_two_do() -> None:
    found = lexicon("the statement is due", "a statement and a settlement", "one testament")
    assert found.corrected("When is the statment due?") == "When is the statement due?"
    assert found.corrected("When is the satement due?") == "When is the statement due?"
    assert found.corrected("a testamen, the statement") is None  # one chunk; known
    assert found.corrected("staetmnet FVA3959 thee") is None  # two away; a code; short


def test_variants_follow_the_question_and_are_four_at_most() -> None:
    known = lexicon(LAUNDERING, "a statement", "the statement")
    kinds = ("acronyms", "spelling", "parts")
    question = "What is the AML statment? How is it sent? Who signs it?"
    assert expanded([question], known, kinds) == [
        question,
        "What is the AML statement? How is it sent? Who signs it?",
        "What is the AML (anti money laundering) statment? How is it sent? Who signs it?",
        "What is the AML statment?",
    ]
    assert expanded([question], None, kinds)[1:] == question.replace("? ", "?|").split("|")
    assert expanded(["What is it?"], known, kinds) == ["What is it?"]
    assert expanded([question], known, ()) == [question]
    by_model = [question, "b", "c", "d"]
    assert expanded(by_model, known, kinds) == by_model


def test_what_is_searched_for_is_the_tenants_own_and_is_passed_on() -> None:
    index = stocked(LAUNDERING, "other")
    index.apply([change("x", 1, ("Alpha Mike Lima (AML)",), tenant="b")])
    config = replace(CONFIG, variants=("acronyms",))
    embedder = Embedder()
    both = [asked("AML?"), asked("AML?", tenant="b"), asked("AML?", tenant="c")]
    outcomes = retrieve(both, embedder=embedder, index=index, config=config)
    assert [outcome[0].carried.variants for outcome in outcomes] == [  # type: ignore[index]
        ["AML?", "AML (anti money laundering)?"],
        ["AML?", "AML (alpha mike lima)?"],
        ["AML?"],
    ]
    assert len(embedder.calls) == 1


def until(read: Callable[[], Lexicon | None], said: str | None, query: str) -> None:
    """Wait until the lexicon spells `query` out so; its reading has no other sign."""
    for _ in range(2000):
        found = read()
        if found is not None and found.spelled_out(query) == said:
            return
        time.sleep(0.005)
    raise AssertionError(f"{query} never became {said}")


def test_a_lexicon_follows_the_index_and_is_the_tenants_own(tmp_path: Path) -> None:
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as index:
        index.apply([change("a", 1, (LAUNDERING,)), change("b", 1, ("x",), tenant="b")])
        until(lambda: index.lexicon("acme"), "AML (anti money laundering)", "AML")
        until(lambda: index.lexicon("b"), None, "AML")


def test_what_was_deleted_is_forgotten() -> None:
    index = MemoryIndex("v1", SIZE)
    index.apply([change("a", 1, (LAUNDERING,)), change("b", 1, ("x",))])
    lexicons = Lexicons(lambda tenant: (each.text for each in index.scan(tenant)), fresh_s=0.0)
    until(lambda: lexicons.of("acme"), "AML (anti money laundering)", "AML")
    index.apply([delete("a", 2)])
    lexicons.changed()
    until(lambda: lexicons.of("acme"), None, "AML")
    lexicons.close()


def test_an_unchanged_index_is_read_once() -> None:
    reads: list[str] = []

    def texts(tenant: str) -> Iterator[str]:
        reads.append(tenant)
        yield LAUNDERING

    lexicons = Lexicons(texts, fresh_s=0.0)
    until(lambda: lexicons.of("acme"), "AML (anti money laundering)", "AML")
    for _ in range(5):
        lexicons.of("acme")
    assert reads == ["acme"]


def test_closing_ends_a_reading() -> None:
    begun = threading.Event()

    def endless(tenant: str) -> Iterator[str]:
        while True:
            begun.set()
            yield tenant

    lexicons = Lexicons(endless)
    assert lexicons.of("acme") is None
    assert begun.wait(60)
    lexicons.close()
    assert lexicons.of("acme") is None
