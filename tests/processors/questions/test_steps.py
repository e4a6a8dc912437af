"""Steps that are asked for come whole and in order, wherever their title stands."""

from __future__ import annotations

from dataclasses import replace

from schemas.events import Candidate
from tests.support.candidates import answer, candidate

RETURN = """\
## What a return costs

- Returns by post cost 4 euros.
- Returns at the desk are free.

## How to return

1. Print the label from your orders page.
2. Pack the drum in its own box.
3. Hand the parcel to any courier.

## Tips

- Keep the receipt until the money is back.
- Check the box for loose screws.
"""
DESK = """\
## Opening hours

The desk opens at nine. It closes at five.

## Lost property

- Tell the porter what was lost.
- Sign the book at the desk.
"""


def _titled(each: Candidate, title: str) -> Candidate:
    return replace(each, title=title)


def test_the_list_that_tells_what_to_do_is_quoted_and_not_the_one_beside_it() -> None:
    found = _titled(candidate(RETURN, {"Pack the drum": 0.7, "Keep the receipt": 0.7}), "Drums")
    made = answer("How do I send a drum back?", found)
    assert made.answer == (
        "1. Print the label from your orders page.\n"
        "2. Pack the drum in its own box.\n"
        "3. Hand the parcel to any courier."
    )
    (cited,) = made.citations
    assert RETURN[cited.start : cited.end] == cited.quote


def test_steps_of_the_document_that_was_found_first_win() -> None:
    returning = _titled(candidate(RETURN, {"Pack the drum": 0.66}, doc_id="a"), "Returning drums")
    desk = _titled(candidate(DESK, {"Tell the porter": 0.66}, doc_id="b", score=0.7), "The desk")
    made = answer("How do I return a drum?", desk, returning)
    assert [each.doc_id for each in made.citations] == ["a"]


def test_steps_that_go_on_in_the_next_chunk_are_quoted_to_their_end() -> None:
    first = "## How to moor\n\n1. Slow the boat.\n2. Throw the bow line to the warden.\n"
    then = "3. Tie the stern line.\n4. Switch the engine off.\n\n## Fees\n\nMooring is free.\n"
    head = _titled(candidate(first, {"bow line": 0.75}, doc_id="moor"), "Mooring a boat")
    tail = _titled(candidate(then, doc_id="moor", ordinal=1, score=0.5), "Mooring a boat")
    made = answer("How do I moor a boat?", tail, head)
    assert [line[:2] for line in (made.answer or "").splitlines()] == ["1.", "2.", "3.", "4."]
    assert [each.chunk_id for each in made.citations] == ["moor/0", "moor/1"]


def test_a_paragraph_of_orders_is_quoted_as_a_whole() -> None:
    text = (
        "The pump is loud in winter.\n\n"
        "Close the inlet first. Then drain the filter into a bucket. Wipe the seal dry. "
        "Open the inlet again.\n"
    )
    found = _titled(candidate(text, {"drain the filter": 0.75}), "Cleaning the pump filter")
    made = answer("How do I clean the filter of the pump?", found)
    assert made.answer == (
        "Close the inlet first. Then drain the filter into a bucket. Wipe the seal dry. "
        "Open the inlet again."
    )


def test_a_list_that_tells_nobody_anything_is_no_procedure() -> None:
    text = "## How drums differ\n\n- Snare drums are small.\n- Bass drums are large.\n"
    found = _titled(candidate(text, {"Snare": 0.45}), "Drums")
    made = answer("How do I tune a drum?", found)
    assert made.answer in (None, "")
    assert str(made.status) == "abstained"


def test_steps_of_something_else_are_not_what_was_asked() -> None:
    found = _titled(candidate(DESK, {"Tell the porter": 0.35}), "The desk")
    made = answer("How do I replace a drum skin?", found)
    assert str(made.status) == "abstained"
