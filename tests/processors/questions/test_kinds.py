"""What kind of answer a question wants."""

from __future__ import annotations

import pytest

from processors.questions.kinds import (
    apart,
    asks_whether,
    of_its_kind,
    wants_account,
    wants_list,
    wants_more,
    wants_steps,
)


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("How do I pair the scale with the till?", True),
        ("What are the steps to return a drum?", True),
        ("What must I do about a torn parcel?", True),
        ("How much does pairing cost?", False),
        ("How long does pairing take?", False),
        ("Who pairs the scale?", False),
    ],
)
def test_steps_are_wanted_where_it_is_asked_how_something_is_done(
    question: str, steps: bool
) -> None:
    assert wants_steps(question) is steps


@pytest.mark.parametrize(
    ("question", "a_list"),
    [
        ("Which documents must I bring?", True),
        ("What are the conditions of the lease?", True),
        ("List all tools in the kit", True),
        ("What do I need for the ferry?", True),
        ("What is the deposit of the lease?", False),
        ("Which is the nearest harbour?", False),
        ("What business is this?", False),
        ("What do divers of class C pay?", False),
        ("What can members borrow?", False),
        ("What should boats carry at night?", False),
    ],
)
def test_a_list_is_wanted_where_many_things_are_asked_for(question: str, a_list: bool) -> None:
    assert wants_list(question) is a_list


@pytest.mark.parametrize(
    ("question", "text", "fits"),
    [
        ("How long does drying take?", "Drying takes two hours.", True),
        ("How long does drying take?", "Drying takes place outside.", False),
        ("When is the kiln lit?", "It is lit at 6:30.", True),
        ("When is the kiln lit?", "It is lit by the potter.", False),
        ("How much is a glaze?", "A glaze is 12 euros.", True),
        ("How much is a glaze?", "A glaze is free.", True),
        ("How much is a glaze?", "A glaze is shiny.", False),
        ("Who lights the kiln?", "It is lit by the potter.", True),
        ("How do I light the kiln?", "The kiln holds 40 jugs.", False),
        ("How do I light the kiln?", "Hold a match to the wick.", True),
        ("How do I light the kiln?", "The kiln is lit by the potter.", True),
        ("How often is the kiln swept?", "The kiln is swept every 40 firings.", True),
        ("How often is the kiln swept?", "Ash is kept for up to 24 months.", False),
        ("How long does drying take?", "Once it is glazed, a jug is dry.", False),
        ("How long does drying take?", "A jug is dry within two days.", True),
        ("What share of the clay is sand?", "A load of clay costs 90 euros.", False),
        ("What share of the clay is sand?", "A tenth of it is sand.", True),
        ("What share of the clay is sand?", "Sand: 8%", True),
        ("How many jugs must I order?", "A jug holds 2 litres.", False),
        ("How many jugs must I order?", "The smallest order is 6 jugs.", True),
        ("What do I have to leave at the till to skip the queue?", "A queue costs 3.", False),
        ("What do I have to leave at the till to skip the queue?", "Keep a card there.", True),
        ("What does a shelf cost?", "You receive a 40% discount on a shelf.", False),
        ("What does a shelf cost?", "A shelf may be kept for one year.", False),
        ("What does a shelf cost?", "A shelf is 9 a month.", True),
        ("Can you give examples of a glaze?", "A glaze must be stirred.", False),
        ("Can you give examples of a glaze?", "A glaze, for example ash, is stirred.", True),
    ],
)
def test_a_time_is_no_place_and_an_amount_has_a_number(
    question: str, text: str, fits: bool
) -> None:
    assert of_its_kind(question, text) is fits


@pytest.mark.parametrize(
    ("question", "more", "account"),
    [
        ("Could you clarify the rules of the kiln?", True, False),
        ("Can you provide guidance on glazing?", True, True),
        ("What best practices are there for glazing?", True, False),
        ("Can you tell me when the kiln is lit?", False, False),
        ("What are the requirements for a kiln?", False, True),
        ("How does one light the kiln?", False, True),
        ("How much clay is there?", False, False),
    ],
)
def test_what_takes_more_than_a_sentence_is_known_by_its_words(
    question: str, more: bool, account: bool
) -> None:
    assert (wants_more(question), wants_account(question)) == (more, account)


def test_a_bound_may_stand_in_what_it_is_under() -> None:
    assert of_its_kind("How much must a jug weigh?", "Small jugs: 300 g", "## Minimum weights")
    assert not of_its_kind("How much must a jug weigh?", "Small jugs: 300 g", "## Weights")


@pytest.mark.parametrize(
    ("question", "whether"),
    [
        ("Can I fire a wet jug?", True),
        ("My jug is wet. Will it break?", True),
        ("Staff: may guests use the kiln?", True),
        ("Which jug is wet?", False),
        ("How can I dry it?", False),
    ],
)
def test_yes_or_no_is_asked_by_the_verb_that_begins(question: str, whether: bool) -> None:
    assert asks_whether(question) is whether


def test_what_speaks_of_the_opposite_stands_apart() -> None:
    assert apart("Fee of a debit card?", "Credit cards: fees") == 1
    assert apart("Fee of a debit card?", "Debit cards: fees") == 0
    assert apart("Fee of a debit card?", "Debit and credit cards: fees") == 0
    assert apart("Debit or credit card?", "Credit cards: fees") == 0
