"""Steps that are rows, headings or paragraphs with their number come whole and in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.candidates import answer, candidate

STEPS = ["Drain the boiler.", "Unscrew the lid.", "Brush the inside.", "Fill it with water."]
ROWS = "| Step | Action | Tool |\n|---|---|---|\n" + "".join(
    f"| {n} | {step} | {tool} |\n"
    for n, (step, tool) in enumerate(zip(STEPS, ["hose", "key", "", ""], strict=True), 1)
)
HEADED = "".join(f"## Step {n}: Part {n}\n\n{step}\n\n" for n, step in enumerate(STEPS, 1))
WRITTEN = "\n\n".join(f"Step {n}. {step}" for n, step in enumerate(STEPS, 1))
BROKEN = (
    "To clean the boiler:\n\n1. Drain the boiler.\n\n   ```\n   valve open\n   ```\n\n"
    "2. Unscrew the lid.\n\n   It is heavy.\n\n3. Brush the inside.\n4. Fill it with water.\n"
)


@pytest.mark.parametrize("text", [ROWS, HEADED, WRITTEN, BROKEN])
def test_steps_come_whole_in_whatever_form_they_are_numbered(text: str) -> None:
    found = candidate(text, {"Brush": 0.7, "Drain": 0.68})
    made = answer("How do I clean the boiler?", replace(found, title="Cleaning the boiler"))
    said = made.answer or ""
    places = [said.find(step.rstrip(".")) for step in STEPS]
    assert -1 not in places
    assert places == sorted(places)
    assert len(made.citations) == 1


def test_a_row_of_steps_says_its_other_cells_too() -> None:
    found = replace(candidate(ROWS, {"Brush": 0.7}), title="Cleaning the boiler")
    made = answer("How do I clean the boiler?", found)
    assert (made.answer or "").splitlines()[:2] == [
        "1. Drain the boiler.; hose",
        "2. Unscrew the lid.; key",
    ]


def test_steps_that_began_in_the_chunk_before_are_quoted_from_their_beginning() -> None:
    first = "## How to clean\n\n1. Drain the boiler.\n2. Unscrew the lid.\n"
    then = "3. Brush the inside.\n4. Fill it with water.\n"
    made = answer(
        "How do I clean the boiler?",
        replace(candidate(then, {"Brush": 0.8}, doc_id="b", ordinal=1), heading="How to clean"),
        candidate(first, {}, doc_id="b", score=0.6),
    )
    assert [line[:2] for line in (made.answer or "").splitlines()] == ["1.", "2.", "3.", "4."]
    assert [each.chunk_id for each in made.citations] == ["b/0", "b/1"]


def test_steps_under_headings_are_named_by_them_and_go_on_in_the_next_chunk() -> None:
    one = replace(
        candidate("Drain the boiler.\n", {"Drain": 0.85}, doc_id="b", ordinal=2),
        title="Cleaning the boiler",
        heading="Step 1: Empty it",
    )
    two = replace(
        candidate("Brush the inside.\n", {}, doc_id="b", ordinal=3, score=0.6),
        title="Cleaning the boiler",
        heading="Step 2",
    )
    made = answer("How do I clean the boiler?", one, two)
    assert made.answer == "1. Empty it \u2013 Drain the boiler.\n2. Brush the inside."


def test_rows_that_only_count_are_no_procedure() -> None:
    text = "| No | Colour |\n|---|---|\n| 1 | red |\n| 2 | blue |\n| 3 | green |\n"
    found = replace(candidate(text, {"blue": 0.5}), title="Colours of boilers")
    made = answer("How do I clean the boiler?", found)
    assert str(made.status) == "abstained"


def test_one_step_alone_is_no_procedure() -> None:
    text = "## Step 3: Brush\n\nBrush the inside.\n"
    found = replace(candidate(text, {"Brush": 0.6}), title="Cleaning the boiler")
    made = answer("How do I clean the boiler?", found)
    assert "\n" not in (made.answer or "")
    assert "Step 3" not in (made.answer or "")
