"""What a corpus says of its own words, and what else a question is therefore searched for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from processors.documents.applying import apply
from processors.guard.sight import UNLABELLED
from processors.questions.expansion import expanded
from processors.questions.retrieve import retrieve
from processors.text.lexicon import CountedWords, Lexicon, acronyms
from tests.processors.questions.test_retrieve import CONFIG, Embedder, asked, stocked
from tests.support.index_events import SIZE, Index, change, delete, searched

OPEN = UNLABELLED.access
LAUNDERING = "Anti-Money Laundering (AML) rules apply."


def lexicon(*texts: str) -> Lexicon:
    return Lexicon(CountedWords(texts))


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
    apply(index, [change("x", 1, ("Alpha Mike Lima (AML)",), tenant="b")])
    config = replace(CONFIG, variants=("acronyms",))
    embedder = Embedder()
    both = [asked("AML?"), asked("AML?", tenant="b"), asked("AML?", tenant="c")]
    outcomes = retrieve(
        both,
        embedder=embedder,
        index=searched(index),
        config=config,
        sights=[UNLABELLED] * len(both),
    )
    assert [outcome[0].carried.variants for outcome in outcomes] == [  # type: ignore[index]
        ["AML?", "AML (anti money laundering)?"],
        ["AML?", "AML (alpha mike lima)?"],
        ["AML?"],
    ]
    assert len(embedder.calls) == 1


@pytest.fixture(params=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex("v1", SIZE)
        return
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
        yield edge


def test_a_lexicon_follows_the_index_and_is_the_tenants_own(index: Index) -> None:
    apply(index, [change("a", 1, (LAUNDERING,)), change("b", 1, ("x",), tenant="b")])
    assert index.lexicon("acme", OPEN).spelled_out("AML") == "AML (anti money laundering)"
    assert index.lexicon("b", OPEN).spelled_out("AML") is None


def test_what_was_deleted_or_changed_is_forgotten(index: Index) -> None:
    apply(index, [change("a", 1, (LAUNDERING, "laundering")), change("b", 1, (LAUNDERING,))])
    assert index.lexicon("acme", OPEN).corrected("launderng") == "laundering"
    apply(index, [change("a", 1, (LAUNDERING, "laundering"))])  # again: counts once
    apply(index, [delete("a", 2)])
    assert index.lexicon("acme", OPEN).corrected("launderng") is None  # one chunk is not enough
    assert index.lexicon("acme", OPEN).spelled_out("AML") == "AML (anti money laundering)"
    apply(index, [change("b", 2, ("other words",))])
    assert index.lexicon("acme", OPEN).spelled_out("AML") is None


def test_words_are_there_after_a_restart(tmp_path: Path) -> None:
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as index:
        apply(index, [change("a", 1, (LAUNDERING,))])
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as index:
        assert index.lexicon("acme", OPEN).spelled_out("AML") == "AML (anti money laundering)"
