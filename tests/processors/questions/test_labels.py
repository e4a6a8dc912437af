"""A line that says no more than the question names what stands below it, and is no answer."""

from __future__ import annotations

import pytest

from tests.support.candidates import answer, candidate


@pytest.mark.parametrize(
    "text",
    [
        "Keeper of the key\n\nOda Lund\n\nOpening time\n\n07:40\n",
        "**Keeper of the key**\nOda Lund\n\n**Opening time**\n07:40\n",
        "#### Keeper of the key\n\nOda Lund\n\n#### Opening time\n\n07:40\n",
        "Keeper of the key:\nOda Lund\n\nOpening time:\n07:40\n",
    ],
)
def test_the_value_below_a_line_is_the_answer_and_the_line_its_name(text: str) -> None:
    found = {"eeper": 0.8, "Oda": 0.5, "pening": 0.75, "07:40": 0.45}
    said = answer("Who is the keeper of the key?", candidate(text, found))
    assert said.answer == "Keeper of the key: Oda Lund."
    said = answer("What is the opening time?", candidate(text, found))
    assert said.answer == "Opening time: 07:40."


def test_what_takes_up_the_question_may_be_the_answer_where_yes_or_no_is_asked() -> None:
    text = "Dogs allowed\n\nBring a lead of two metres.\n"
    made = answer("Are dogs allowed?", candidate(text, {"Dogs": 0.9}))
    assert "Dogs allowed" in (made.answer or "")


def test_a_line_that_says_more_than_the_question_stays_an_answer() -> None:
    text = "Keeper of the key: Oda Lund\n\nThe hall has a balcony.\n"
    made = answer("Who is the keeper of the key?", candidate(text, {"Keeper": 0.8}))
    assert made.answer == "Keeper of the key: Oda Lund."


def test_the_box_that_is_named_is_quoted_and_not_a_ticked_one_beside_it() -> None:
    text = "# Boat form\n\n☐ Winter berth\n\n☑ Summer berth\n\n☑ Crane\n"
    cosines = {"Winter": 0.55, "Summer": 0.65, "Crane": 0.5}
    made = answer("Does the owner want a winter berth?", candidate(text, cosines))
    assert (made.answer or "").startswith("☐ Winter berth")
