import pytest

from processors.text.furniture import is_furniture, of_contents


@pytest.mark.parametrize(
    "line",
    [
        "Rent of boats .......... 12",
        "Mooring . . . . . . ix",
        "Rent of boats .......... 12\nRent of nets .......... 14",
        "Page 3 of 12",
        "- 7 -",
        "Seite 4",
        "Figure 3: Map of the harbour",
        "Tabelle 2 – Gebühren 2026",  # noqa: RUF001
        "**Table 4. Prices by month**",
    ],
)
def test_a_line_that_says_where_something_is_says_nothing_else(line: str) -> None:
    assert is_furniture(line)


@pytest.mark.parametrize(
    "line",
    [
        "Rent of boats is 12",
        "Figure 3 shows that rents rose by 4 %",
        "Table 2: Rents rise by 4 % in May.",
        "Seiten werden nummeriert.",
        "Call 12 34",
        "and so on ...",
        "| 3 | 4 |",
    ],
)
def test_a_line_that_says_something_is_quotable(line: str) -> None:
    assert not is_furniture(line)


def test_lines_below_the_word_contents_are_of_it_as_long_as_their_numbers_rise() -> None:
    lines = [
        "Rules",
        "Contents",
        "Tolls 3",
        "Nets and lines 7",
        "1. Tolls",
        "The toll is 9",
        "b .... 2",
    ]
    assert of_contents(lines) == {2, 3, 6}
    assert of_contents(["Contents", "The toll is 9", "The fine is 3"]) == set()
