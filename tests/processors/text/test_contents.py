"""Lines that repeat headings with a page's number are no text."""

from __future__ import annotations

import time

import pytest

from processors.text.contents import without_contents

TEXT = "# Tolls of tugs\n\nTugs pay 9 marks.\n\n# Nets\n\nNets are free.\n"


@pytest.mark.parametrize(
    "contents",
    [
        "1. Tolls of tugs 4\n\n2. Nets 7\n",
        "- Tolls of tugs ..... 4\n- Nets ..... 7\n",
        "Tolls of tugs\t4\nNETS\t4\n",
    ],
)
def test_a_typed_table_of_contents_is_left_out(contents: str) -> None:
    made = without_contents(f"{contents}\n{TEXT}")
    assert made.strip() == TEXT.strip()


@pytest.mark.parametrize(
    "lines",
    [
        "Tolls of tugs 4\n\nSeines 7\n",  # one heading alone
        "Tolls of tugs 9\n\nNets 4\n",  # pages never go back
        "Nets 7\n\nWhat they cost.\n\nTolls of tugs 8\n",
    ],
)
def test_what_only_looks_like_one_stays(lines: str) -> None:
    assert without_contents(f"{lines}\n{TEXT}") == f"{lines}\n{TEXT}"


def test_a_long_text_takes_no_time() -> None:
    text = "# a\n# b\n" + "a . . . . . . . .\n" * 20_000
    assert without_contents(text) == text


def test_a_heading_of_numbers_without_end_takes_no_time() -> None:
    """Somebody's file says it, and the worker itself looks at it."""
    body = "# " + "1." * 50_000 + "\n\n# Two\n"
    began = time.process_time()
    assert without_contents(body) == body
    assert time.process_time() - began < 1
