"""Numbers, dates and durations as a sheet shows them."""

from __future__ import annotations

import datetime
import math
import time

import pytest

from connectors.converters.number_formats import (
    shown_duration,
    shown_moment,
    shown_number,
    shown_text,
)

NUMBERS = [
    (1234.5, "#,##0.00", "1,234.50"),
    (1234.5, "#,##0.00 €", "1,234.50 €"),
    (7, "[$£-809]#,##0.00", "£7.00"),
    (1234567.891, "_-* #,##0.00\\ _€_-", "1,234,567.89"),
    (-1200, "#,##0;(#,##0)", "(1,200)"),
    (-1200, "#,##0", "-1,200"),
    (0, '#,##0;-#,##0;"-"', "0"),
    (12, ";;;", ""),
    (0.0475, "0.00%", "4.75%"),
    (1 / 3, "0.0%_);(0.0%)", "33.3%"),
    (0.05, "0%;[Red]-0%", "5%"),
    (42, "00000000", "00000042"),
    (123, "0000-000", "0000-123"),
    (4712345678, "(000) 000-0000", "(471) 234-5678"),
    (2500000, '0.0,,"M"', "2.5M"),
    (1250, "0,", "1"),
    (0.125, "# ?/?", "1/8"),
    (2.5, "# ?/?", "2 1/2"),
    (0.00001, "0.00E+00", "1.00E-05"),
    (0.1 + 0.2, "General", "0.3"),
    (3.0, "General", "3"),
    (12, 'General" pcs"', "12 pcs"),
    (-3.5, "0.0", "-3.5"),
    (1.5, "0.##", "1.5"),
    (2, "0.##", "2"),
    (150, '[>100]"many";0', "many"),
    (0.5, "#,##0.00", "0.50"),
    (5, '"No." 0', "No. 5"),
    (9, '0 "days"', "9 days"),
]


@pytest.mark.parametrize(("value", "form", "shown"), NUMBERS)
def test_a_number_is_as_its_format_shows_it(value: float, form: str, shown: str) -> None:
    assert shown_number(value, form) == shown


DAY = datetime.datetime(2026, 3, 4, 14, 5, 9)


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (DAY, "dd.mm.yyyy", "04.03.2026"),
        (DAY, "d mmm yy", "4 Mar 2026"),
        (DAY, "mmmm d, yyyy", "March 4, 2026"),
        (DAY, "[$-407]d. mmmm yyyy", "4. März 2026"),
        (DAY, "dddd, d. mmmm", "Wednesday, 4. March"),
        (DAY, "yyyy\\-mm\\-dd hh:mm", "2026-03-04 14:05"),
        (DAY, "h:mm AM/PM", "2:05 PM"),
        (DAY, "mm:ss", "05:09"),
        (DAY, "mm/dd/yyyy", "2026-03-04 14:05:09"),
        (datetime.datetime(2026, 3, 4), "mm-dd-yy", "2026-03-04"),
        (datetime.time(9, 30), "hh:mm", "09:30"),
        (datetime.date(2026, 12, 1), "mmm-yy", "Dec-2026"),
    ],
)
def test_a_moment_is_as_its_format_shows_it(
    value: datetime.datetime, form: str, shown: str
) -> None:
    assert shown_moment(value, form) == shown


@pytest.mark.parametrize(
    ("hours", "form", "shown"),
    [
        (36.25, "[h]:mm", "36:15"),
        (0.75, "[mm]", "45"),
        (36, "[hh]:mm:ss", "36:00:00"),
        (26, "h:mm", "2:00"),
    ],
)
def test_a_duration_counts_in_the_units_of_its_format(hours: float, form: str, shown: str) -> None:
    assert shown_duration(datetime.timedelta(hours=hours), form) == shown


def test_a_text_is_hidden_where_its_format_hides_it() -> None:
    assert (shown_text("a", "General"), shown_text("a", ";;;"), shown_text("a", '0;0;0;"x "@')) == (
        "a",
        "",
        "x a",
    )


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (math.inf, "#,##0"),
        (math.nan, "# ?/?"),
        (1.5, "0" + "," * 200),
        (1.5, "0" + "%" * 200),
        (10**400, "0.00"),
        (12.5, "[==1]0"),
    ],
)
def test_a_number_or_a_format_beyond_all_counting_costs_no_workbook(
    value: float, form: str
) -> None:
    assert shown_number(value, form)


def test_a_format_that_is_longer_than_any_program_takes_costs_no_time() -> None:
    began = time.process_time()
    assert shown_number(1.5, "[" * 50_000) == "1.5"
    assert time.process_time() - began < 1
