"""Of a wide row the column that is asked for is shown, with its name and what qualifies it."""

from __future__ import annotations

import pytest

from tests.support.candidates import answer, candidate

SEATS = """\
# Seats

| Hall | 2025 Seats | 2025 Stands | 2026 Seats | 2026 Stands | Notes |
|---|---|---|---|---|---|
| Aspen hall | 410 | 33 | 455 | 41 | without the balcony |
| Linden hall | 280 | 12 | 290 | | |
"""


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        (
            "How many seats did the Aspen hall have in 2026?",
            "Hall: Aspen hall; 2026 Seats: 455; Notes: without the balcony.",
        ),
        (
            "How many stands did the Aspen hall have in 2025?",
            "Hall: Aspen hall; 2025 Stands: 33; Notes: without the balcony.",
        ),
        # No column is named as a whole: nothing is cut.
        (
            "How large is the Linden hall?",
            "Hall: Linden hall; 2025 Seats: 280; 2025 Stands: 12; 2026 Seats: 290.",
        ),
    ],
)
def test_the_column_that_is_named_as_a_whole_is_shown_alone(question: str, wanted: str) -> None:
    hall = "Aspen hall |" if "Aspen" in wanted else "Linden hall |"
    made = answer(question, candidate(SEATS, {hall: 0.7}))
    assert made.answer == wanted
    assert made.citations[0].quote.startswith(f"| {hall}")


def test_a_row_of_two_columns_is_never_cut() -> None:
    text = "| Hall | Seats |\n|---|---|\n| Aspen hall | 410 |\n| Linden hall | 280 |\n"
    made = answer("How many seats has the Linden hall?", candidate(text, {"Linden": 0.7}))
    assert made.answer == "Hall: Linden hall; Seats: 280."
