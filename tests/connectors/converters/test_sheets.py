"""A sheet says what is seen of it; what is not is left out and named."""

from __future__ import annotations

import datetime
import io
from typing import Any

import xlsxwriter
from openpyxl.styles import Font, PatternFill

from connectors.converters.documents import Documents
from tests.support.office_files import workbook


def _tables(converter: Documents, fill: Any) -> tuple[list[str], str]:
    made = converter.convert("a.xlsx", workbook(fill))
    return made.body.split("\n\n"), made.metadata.get("unread", "")


def test_hidden_sheets_rows_and_columns_are_left_out_and_named(converter: Documents) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (
            ["Net", "Cost", "Code"],
            ["Seine", 4, "x1"],
            ["Trawl", 9, "x2"],
            ["Drift", 7, "x3"],
        ):
            sheet.append(row)
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["C"].hidden = True
        other = book.create_sheet("Old prices")
        other.append(["Net", "Cost"])
        other.sheet_state = "hidden"

    blocks, unread = _tables(converter, fill)
    assert blocks[1:] == ["| Net | Cost |\n| --- | --- |\n| Seine | 4 |\n| Drift | 7 |"]
    assert unread == (
        "1 hidden sheet left out: Old prices; 1 hidden row left out; "
        "3 values in hidden columns left out"
    )


def test_rows_that_only_a_filter_or_a_folded_outline_keeps_away_are_read(
    converter: Documents,
) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["Net", "Cost"], ["Seine", 4], ["Trawl", 9]):
            sheet.append(row)
        sheet.row_dimensions[3].outlineLevel = 1
        sheet.row_dimensions[3].hidden = True
        filtered = book.create_sheet("Filtered")
        for row in (["Net", "Cost"], ["Drift", 7]):
            filtered.append(row)
        filtered.auto_filter.ref = "A1:B2"
        filtered.auto_filter.add_filter_column(0, ["Seine"])
        filtered.row_dimensions[2].hidden = True

    blocks, unread = _tables(converter, fill)
    assert "| Trawl | 9 |" in blocks[1] and "| Drift | 7 |" in blocks[3] and unread == ""


def test_struck_and_white_cells_are_left_out_and_white_on_a_dark_ground_is_not(
    converter: Documents,
) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["Net", "Cost", "Now"], ["Seine", 4, 5], ["Trawl", 9, 8]):
            sheet.append(row)
        sheet["B2"].font = Font(strike=True)
        sheet["C3"].font = Font(color="FFFFFFFF")
        for cell in ("A1", "B1", "C1"):
            sheet[cell].font = Font(color="FFFFFFFF")
            sheet[cell].fill = PatternFill("solid", fgColor="FF000080")

    blocks, unread = _tables(converter, fill)
    assert blocks[1].splitlines()[2:] == ["| Seine |  | 5 |", "| Trawl | 9 |  |"]
    assert blocks[1].startswith("| Net | Cost | Now |")
    assert unread == "1 struck cell left out; 1 cell of hidden text left out"


def test_raised_lowered_and_struck_parts_of_a_cell_read_as_they_look(converter: Documents) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    raised, low, struck = (
        book.add_format(look)
        for look in ({"font_script": 1}, {"font_script": 2}, {"font_strikeout": True})
    )
    sheet = book.add_worksheet("Tolls")
    sheet.write_row(0, 0, ["What", "How much"])
    sheet.write(1, 0, "Toll of tugs")
    sheet.write_rich_string(1, 1, "40", raised, "2", " marks")
    sheet.write(2, 0, "Fish in the lake")
    sheet.write_rich_string(2, 1, "10", raised, "4", " of ", struck, "cod ", "perch")
    sheet.write(3, 0, "Gas")
    sheet.write_rich_string(3, 1, "CO", low, "2", " of boats")
    book.close()
    body = converter.convert("a.xlsx", file.getvalue()).body
    assert "| Toll of tugs | 40[^2] marks |" in body
    assert "| Fish in the lake | 10^4 of perch |" in body
    assert "| Gas | CO2 of boats |" in body


def test_headers_of_two_rows_and_values_over_columns_are_said_in_each(converter: Documents) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (
            ["Town", "Spring", None, "Autumn", None],
            [None, "Eggs", "Milk", "Eggs", "Milk"],
            ["Moss", 1, None, 3, 4],
            ["Voss", 5, 6, 7, 8],
        ):
            sheet.append(row)
        for merged in ("A1:A2", "B1:C1", "D1:E1", "B3:C3"):
            sheet.merge_cells(merged)

    blocks, _ = _tables(converter, fill)
    assert (
        blocks[1].splitlines()[0]
        == "| Town | Spring Eggs | Spring Milk | Autumn Eggs | Autumn Milk |"
    )
    assert blocks[1].splitlines()[2:] == ["| Moss | 1 | 1 | 3 | 4 |", "| Voss | 5 | 6 | 7 | 8 |"]


def test_values_read_as_they_are_shown(converter: Documents) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(["Net", "Cost", "Share", "From", "Takes"])
        sheet.append(
            ["Seine", 1200, 0.125, datetime.date(2026, 3, 4), datetime.timedelta(hours=30)]
        )
        for cell, form in (
            ("B2", '"EUR" #,##0.00'),
            ("C2", "0.0%"),
            ("D2", "d mmmm yyyy"),
            ("E2", "[h]:mm"),
        ):
            sheet[cell].number_format = form

    blocks, _ = _tables(converter, fill)
    assert blocks[1].splitlines()[-1] == "| Seine | EUR 1,200.00 | 12.5% | 4 March 2026 | 30:00 |"
