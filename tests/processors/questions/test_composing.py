"""What is shown beside the best quote."""

from __future__ import annotations

from processors.questions.composing import DIFFER, composed
from processors.questions.evidence import asked
from processors.questions.quotes import Quote, quoted
from schemas.events import Candidate
from tests.support.told_reader import candidate, read

WREN = candidate("The yearly fee is 30 euros. Cards are blue.", "Wren Card: fees")
TERN = candidate("The yearly fee is 75 euros. Cards are red.", "Tern Card: fees")
SAME = candidate("The yearly fee is 30 euros. Cards are gold.", "Stork Card: fees")


def compose(
    question: str, answer: str, *candidates: Candidate, named: bool = False
) -> tuple[list[Quote], str]:
    found, units = read(question, answer, *candidates)
    best = quoted(question, asked(question), units, found)
    assert best is not None
    return composed(question, best, found, named)


def test_things_that_differ_are_shown_each_by_its_name() -> None:
    quotes, said = compose("What is the yearly fee?", "30 euros", WREN, TERN)
    assert len(quotes) == 2
    assert said == (
        "It depends on which is meant. Wren Card: The yearly fee is 30 euros."
        " Tern Card: The yearly fee is 75 euros."
    )


def test_what_is_said_of_no_thing_is_shown_with_things_that_differ() -> None:
    banker = candidate("The yearly fee is 10 euros for large sums.", "Your banker", doc_id="banker")
    quotes, said = compose("What is the yearly fee?", "10 euros", banker, WREN, TERN)
    assert len(quotes) == 3
    assert said.startswith("It depends on which is meant. Your banker: The yearly fee is 10 euros")
    quotes, said = compose("What is the yearly fee?", "10 euros", banker, WREN, SAME)
    assert len(quotes) == 1  # it may hold for all of them


def test_the_number_of_a_provision_is_no_name_of_a_thing() -> None:
    one = candidate("The yearly fee is 30 euros.", "14 Part 3", doc_id="a")
    other = candidate("The yearly fee is 75 euros.", "14 Part 6", doc_id="b")
    quotes, _ = compose("What is the yearly fee?", "30 euros", one, other, named=False)
    assert len(quotes) < 3


def test_a_share_and_a_time_are_no_two_values_of_one_thing() -> None:
    other = candidate("The yearly fee is due within 14 days. Cards are red.", "Tern Card: fees")
    quotes, _ = compose("What is the yearly fee?", "30 euros", WREN, other)
    assert len(quotes) == 1


def test_things_that_agree_are_not_said_twice() -> None:
    quotes, said = compose("What is the yearly fee?", "30 euros", WREN, SAME)
    assert len(quotes) == 1
    assert said == "The yearly fee is 30 euros."


def test_a_question_that_names_one_gets_one() -> None:
    quotes, said = compose(
        "What is the yearly fee of the Wren Card?", "30 euros", WREN, TERN, named=True
    )
    assert len(quotes) == 1
    assert said == "The yearly fee is 30 euros."


def test_documents_about_the_same_that_contradict_each_other_are_both_shown() -> None:
    old = candidate("Parcels are kept for 7 days.", "parcels", doc_id="old.md")
    new = candidate("Parcels are kept for 14 days.", "parcels", doc_id="new.md")
    quotes, said = compose("How long are parcels kept?", "7 days", old, new)
    assert len(quotes) == 2
    assert said.startswith(DIFFER)
    assert "7 days" in said
    assert "14 days" in said
    assert "new.md" in said
