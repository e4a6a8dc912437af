"""A list that is asked for is found by what it is for, in whichever words its heading says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.candidates import answer, candidate

BERTH = """\
## What to bring

- The boat's certificate of registry
- Proof of liability cover
- A crew list

## Excluded boats

- Jet skis
- House boats over 20 metres

## Boats that qualify

- Sailing boats up to 15 metres
- Rowing boats of every size

## Tips

- Arrive before noon
- Moor with the bow to the wind
"""
NEAR = {"crew list": 0.6, "Jet skis": 0.6, "Rowing boats": 0.6, "before noon": 0.6}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Which papers do I need for a summer berth?", "The boat's certificate of registry"),
        ("Which kinds of vessels count for a summer berth?", "Sailing boats up to 15 metres"),
        ("Which kinds of vessels do not count for a summer berth?", "Jet skis"),
    ],
)
def test_the_heading_says_what_a_list_is_for(question: str, first: str) -> None:
    made = answer(question, replace(candidate(BERTH, NEAR), title="Summer berth"))
    assert (made.answer or "").splitlines()[0] == f"- {first}"


def test_a_list_is_quoted_with_all_its_points() -> None:
    made = answer(
        "Which documents are needed for a summer berth?",
        replace(candidate(BERTH, NEAR), title="Summer berth"),
    )
    (cited,) = made.citations
    assert cited.quote.strip().endswith("A crew list")
    assert (made.answer or "").count("\n") == 2


def test_what_something_is_is_no_list() -> None:
    text = "Tags are short names for boats.\n\n## Examples of tags\n\n- Gull\n- Heron\n"
    made = answer("What are tags?", replace(candidate(text, {"short names": 0.8}), title="Tags"))
    assert made.answer == "Tags are short names for boats."


def test_a_list_of_other_things_is_not_what_was_asked() -> None:
    far = replace(candidate(BERTH, {"crew list": 0.2}), title="Summer berth")
    made = answer("Which vaccinations do I need for a trip to Peru?", far)
    assert str(made.status) == "abstained"


CLAIMS = """\
## Papers for a claim

- Lost anchor
  - The chandler's estimate
  - A photo of the chain
- Missed tide
  - A note of the lock keeper
  - The log of that day
- All claims
  - A copy of the policy
  - The boat's number
"""


@pytest.mark.parametrize(
    ("question", "first", "lines"),
    [
        ("Which papers do I need for a missed tide?", "Missed tide", 3),
        ("Which papers do I need for a lost anchor?", "Lost anchor", 3),
    ],
)
def test_of_points_with_points_below_the_one_that_is_asked_for_is_quoted(
    question: str, first: str, lines: int
) -> None:
    near = {"chandler": 0.6, "note of the lock": 0.6, "copy of the policy": 0.6}
    made = answer(question, replace(candidate(CLAIMS, near), title="Cover for boats"))
    said = (made.answer or "").splitlines()
    assert (said[0], len(said)) == (first, lines)
    (cited,) = made.citations
    assert "policy" not in cited.quote


def test_points_below_a_step_are_no_list_of_their_own() -> None:
    steps = CLAIMS.replace("- Missed tide", "- Check the papers for a missed tide")
    near = {"chandler": 0.6, "note of the lock": 0.6, "copy of the policy": 0.6}
    made = answer(
        "Which papers do I need for a missed tide?",
        replace(candidate(steps, near), title="Cover for boats"),
    )
    assert "Lost anchor" in (made.answer or "")
