"""What of a table names its values, as a reader takes it."""

from __future__ import annotations

import pytest

from processors.text.tables import Table, laid_out
from processors.text.values import absent, kind_of


def _laid(*lines: str, **known: object) -> Table:
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return laid_out(rows, **known)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        (["Vault | 2 keys", "Garage | 1 key"], ["", ""]),
        (["Height: | low", "Width: | wide"], ["", ""]),
        (["**Owner** | Ada Berg", "**Place** | Oslo"], ["", ""]),
        (["Trustee | Nordlys Trust", "Opened | 2 May 2011", "Levy | 0.4 %"], ["", ""]),
        (["Founded | 1911", "Seat | Bergen", "Staff | 40"], ["", ""]),
        (["Iron | 12 kg | 4.50", "Zinc | 3 kg | 7.25"], ["", "", ""]),
        (["Trustee | Nordlys", "Currency | marks", "Harbour office | Moss"], ["", ""]),
        (["Net | Keeper", "Seine | Ada", "Trawl | Bo"], ["Net", "Keeper"]),
        (["Item | Amount", "Levy | 0.4 %", "Opened | 2 May 2011"], ["Item", "Amount"]),
        (["Code | Meaning", "QX-4 | returned"], ["Code", "Meaning"]),
        (["Span | 6 months | 12 months", "Rate | 2 % | 3 %"], ["Span", "6 months", "12 months"]),
        (["Town | 2021 | 2022", "Moss | 7 | 9"], ["Town", "2021", "2022"]),
        (["Metal | Weight", "Iron | unknown"], ["Metal", "Weight"]),
    ],
)
def test_the_first_row_is_a_header_where_it_names_and_not_where_it_is_one_of_many(
    lines: list[str], header: list[str]
) -> None:
    assert _laid(*lines).header == header


def test_two_rows_of_names_are_one_name_a_column() -> None:
    made = _laid(
        "Town | Spring | | Autumn |", " | Eggs | Milk | Eggs | Milk", "Moss | 1 | 2 | 3 | 4"
    )
    assert made.header == ["Town", "Spring Eggs", "Spring Milk", "Autumn Eggs", "Autumn Milk"]
    assert made.rows == [["Moss", "1", "2", "3", "4"]]


def test_three_rows_of_names_keep_to_their_own_columns() -> None:
    made = _laid(
        "Town | North | | South |", " | 2021 | 2022 | 2021 | ", " | a | b | c | d", "X|1|2|3|4"
    )
    assert made.header[1:] == ["North 2021 a", "North 2022 b", "South 2021 c", "South 2021 d"]


def test_a_row_of_units_belongs_to_the_names() -> None:
    assert _laid("Loan | Cost | Share", " | EUR | %", "A | 4 | 5", "B | 6 | 7").header == [
        "Loan",
        "Cost (EUR)",
        "Share (%)",
    ]


def test_a_file_that_marks_headers_and_marks_none_has_none() -> None:
    rows = ("Seine | Ada", "Trawl | Bo")
    assert _laid(*rows).header == ["Seine", "Ada"]
    assert _laid(*rows, unmarked=True).header == ["", ""]


def test_a_title_among_rows_that_are_marked_as_names_is_none_of_them() -> None:
    made = _laid("Tolls of May | |", "Net | Toll | Pier", "Seine | 4 | 2", headers=2)
    assert (made.before, made.header) == (["Tolls of May"], ["Net", "Toll", "Pier"])


def test_what_stands_alone_above_and_below_a_table_is_no_row_of_it() -> None:
    made = _laid(
        "Prices of May", "Made by Ada", "Kind | Cost", "Tea | 4", "Oil | 9", "* without tax"
    )
    assert (made.before, made.after) == (["Prices of May", "Made by Ada"], ["* without tax"])
    assert (made.header, made.rows) == (["Kind", "Cost"], [["Tea", "4"], ["Oil", "9"]])


def test_a_row_without_values_below_others_is_no_note() -> None:
    assert _laid("Kind | Cost", "Tea | 4", "Oil |").rows[-1] == ["Oil", ""]


def test_a_value_over_several_columns_is_said_in_each_and_a_group_with_each_row() -> None:
    made = _laid(
        "Kind | Shop | Web",
        "Hot |  | ",
        "Tea | 4 | ",
        "Cold |  | ",
        "Oil | 9 | 8",
        across={(1, 1), (1, 2), (2, 2), (3, 1), (3, 2)},
    )
    assert made.rows == [["Hot, Tea", "4", "4"], ["Cold, Oil", "9", "8"]]


def test_a_table_of_one_row_or_cell_is_read() -> None:
    assert _laid("The hall opens at 7.").rows == [["The hall opens at 7."]]
    assert _laid("Gate | closed on Monday").rows == [["Gate", "closed on Monday"]]


@pytest.mark.parametrize(
    "text", ["", " - ", "n/a", "N.A.", "[value not available]", "#N/A", "tbd", "???", "k. A.", "—"]
)
def test_what_stands_for_no_value_is_none(text: str) -> None:
    assert absent(text) and kind_of(text) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", "number"),
        ("1.234,56", "number"),
        ("(12)", "number"),
        ("4,5 %", "share"),
        ("€ 12.50", "money"),
        ("12,50 EUR", "money"),
        ("3. Mai 2024", "date"),
        ("1er mars 2024", "date"),
        ("31.12.2024", "date"),
        ("14:05", "time"),
        ("30 Tage", "measure"),
        ("ada@berg.example", "place"),
        ("None of these", "text"),
        ("Nordlys", "text"),
    ],
)
def test_values_are_told_from_words_and_by_kind(text: str, kind: str) -> None:
    assert kind_of(text) == kind
