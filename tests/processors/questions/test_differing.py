import dataclasses
from datetime import UTC, datetime

import pytest

from schemas.events import Candidate
from tests.support.candidates import answer, candidate


def test_documents_that_contradict_each_other_are_both_shown_with_their_dates() -> None:
    old = candidate("The cash limit is 5,000 euros a day.", {"cash": 0.8}, doc_id="old.md")
    new = candidate("The cash limit is 7,500 euros a day.", {"cash": 0.79}, doc_id="new.md")
    new = dataclasses.replace(new, changed_at=1_767_225_600_000)
    made = answer("What is the cash limit a day?", old, new)
    assert made.answer == (
        "The documents differ. new.md (new.md, 2026-01-01): The cash limit is 7,500 euros a day. "
        "old.md (old.md, 1970-01-01): The cash limit is 5,000 euros a day."
    )
    assert [c.doc_id for c in made.citations] == ["new.md", "old.md"]


def _dated(text: str, cosine: float, doc_id: str, year: int) -> Candidate:
    given = candidate(text, {text[:5]: cosine}, doc_id=doc_id)
    when = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    return dataclasses.replace(given, changed_at=when)


@pytest.mark.parametrize(
    ("query", "old", "new"),
    [
        ("What is the notice?", "The notice is thirty days.", "The notice is sixty days."),
        ("What is the notice?", "The notice is 30 days.", "The notice is sixty days."),
        ("When is the report due?", "The report is due in March.", "The report is due in April."),
        (
            "When is the fee due?",
            "The fee is due on 1 March 2024.",
            "The fee is due on 2024-04-01.",
        ),
        ("Is remote work permitted?", "Remote work is permitted.", "Remote work is not permitted."),
        ("May staff work remotely?", "Staff may work remotely.", "Staff must work remotely."),
        ("Which form is needed?", "Form F-1 is needed.", "Form F-2 is needed."),
    ],
)
def test_documents_differ_in_numbers_months_denial_and_duty(query: str, old: str, new: str) -> None:
    made = answer(query, _dated(old, 0.8, "a.md", 2020), _dated(new, 0.79, "b.md", 2024))
    assert made.answer == (
        f"The documents differ. b.md (b.md, 2024-01-01): {new} a.md (a.md, 2020-01-01): {old}"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The notice period is thirty days.", "The notice period is 30 days."),
        ("The report is due on 1 March 2024.", "The report is due in March 2024."),
        ("Remote work is not permitted.", "Remote work is not allowed."),
        ("The cap is 1,000 euros.", "The cap is 1000 euros."),
    ],
)
def test_the_same_in_other_words_is_no_contradiction(one: str, other: str) -> None:
    query = "What is said of the notice period, the report, the cap and remote work?"
    made = answer(query, _dated(one, 0.9, "a.md", 2020), _dated(other, 0.9, "b.md", 2024))
    assert made.answer.startswith(one)


def test_every_document_that_differs_is_shown() -> None:
    given = [
        _dated(f"The notice period for staff is {days} days.", 0.8, f"{days}.md", 2000 + days)
        for days in (30, 20, 10, 15, 25)
    ]
    made = answer("What is the notice period for staff?", *given)
    assert [c.doc_id for c in made.citations] == ["30.md", "25.md", "20.md", "15.md", "10.md"]
    for days in (30, 20, 10, 15, 25):
        assert f"{days}.md ({days}.md, 20{days}-01-01): The notice period" in made.answer


def test_a_contradiction_in_one_part_of_a_question_is_shown_with_its_sources() -> None:
    made = answer(
        "What is the notice period for staff and who approves overtime?",
        _dated("The notice period for staff is 30 days.", 0.8, "old.md", 2020),
        _dated("The notice period for staff is 60 days.", 0.8, "new.md", 2024),
        _dated("Overtime is approved by the line manager.", 0.8, "overtime.md", 2022),
    )
    assert made.answer == (
        "The documents differ. new.md (new.md, 2024-01-01): The notice period for staff is 60 "
        "days. old.md (old.md, 2020-01-01): The notice period for staff is 30 days. "
        "Overtime is approved by the line manager."
    )


def test_what_documents_agree_on_is_said_beside_what_they_do_not() -> None:
    made = answer(
        "What is the notice for staff and directors?",
        _dated("The notice for staff is 30 days.", 0.8, "a.md", 2020),
        _dated("The notice for staff is 60 days.", 0.8, "b.md", 2024),
        _dated("The notice for directors is longer than a summer.", 0.8, "c.md", 2022),
    )
    assert made.answer == (
        "The documents differ. b.md (b.md, 2024-01-01): The notice for staff is 60 days. a.md "
        "(a.md, 2020-01-01): The notice for staff is 30 days. "
        "The notice for directors is longer than a summer."
    )


@pytest.mark.parametrize("when", [1_700_000_000_000_000, -(2**63), 2**63 - 1])
def test_a_date_that_no_calendar_has_is_not_shown(when: int) -> None:
    old = candidate("The cash limit is 5,000 euros a day.", {"cash": 0.8}, doc_id="old.md")
    new = candidate("The cash limit is 7,500 euros a day.", {"cash": 0.79}, doc_id="new.md")
    made = answer("What is the cash limit a day?", old, dataclasses.replace(new, changed_at=when))
    assert "new.md (new.md): The cash limit is 7,500 euros a day." in made.answer


def test_the_fees_of_two_products_are_no_contradiction() -> None:
    gold = candidate("# Gold card\n\nThe yearly fee is 90 euros.", {"fee": 0.8}, doc_id="gold.md")
    blue = candidate("# Blue card\n\nThe yearly fee is 20 euros.", {"fee": 0.8}, doc_id="blue.md")
    made = answer("What is the yearly fee of the gold card?", gold, blue)
    assert made.answer == "The yearly fee is 90 euros."
