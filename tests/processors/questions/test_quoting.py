"""How what is quoted reads in an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.questions.evidence import keys_of
from processors.questions.quoting import lists, sentences
from tests.processors.questions.test_generate import candidate


def _read(text: str) -> list[str]:
    return [sentence.reads(text) for sentence in sentences(0, candidate(text))]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("| Net | Toll |\n| --- | --- |\n| Seine | 4 |", ["Net: Seine; Toll: 4"]),
        ("|  |  |\n| --- | --- |\n| Opened | 3. Mai 2019 |", ["Opened: 3. Mai 2019"]),
        ("|  | Shop | Web |\n| --- | --- | --- |\n| Tea | 4 | 5 |", ["Tea – Shop: 4; Web: 5"]),  # noqa: RUF001
        (
            "| Net | Toll | Pier |\n| --- | --- | --- |\n| Seine | n/a | 2 |",
            ["Net: Seine; Pier: 2"],
        ),
        ("| Net | Toll |\n| --- | --- |\n| Seine | [value not available] |", [""]),
        ("It costs 9[^2] marks, *not* `8`.", ["It costs 9 marks, not 8."]),
        ("[^2]: Each May.", ["Each May."]),
        ("> Boats\\_two pay.", ["Boats_two pay."]),
        ("- ☐ Heating", ["☐ Heating"]),
        ("Tolls of boats ........ 12\n\nFigure 2: The harbour\n\nBoats pay.", ["Boats pay."]),
    ],
)
def test_what_is_quoted_reads_without_marks_and_with_its_names(text: str, reads: list[str]) -> None:
    assert _read(text) == reads


def test_a_column_by_itself_is_a_list_under_its_heading() -> None:
    text = "| How to moor |\n| --- |\n| Slow the boat. |\n| Throw the line. |"
    found = list(sentences(0, candidate(text)))
    assert [each.reads(text) for each in found] == ["Slow the boat.", "Throw the line."]
    assert [each.headings[-1] for each in found] == ["How to moor", "How to moor"]
    (whole,) = lists(found, text).values()
    assert whole.reads(text) == "- Slow the boat.\n- Throw the line."


def test_a_row_is_not_about_the_columns_in_which_it_has_nothing() -> None:
    text = "| Net | Toll | Pier |\n| --- | --- | --- |\n| Seine |  | 2 |\n| Trawl | 4 | 3 |"
    seine, trawl = sentences(0, candidate(text))
    assert seine.blank == keys_of("Toll")
    assert not seine.near & keys_of("Toll")
    assert keys_of("Toll") <= trawl.near
    assert not trawl.blank


CAPITALS = "THE RULES OF THE HARBOUR AND OF ALL ITS PIERS"


@pytest.mark.parametrize(
    ("sentence", "below"),
    [
        (f"{CAPITALS}\nMooring by night\nBoats moor where lamps are lit.", "Boats moor where"),
        (f"{CAPITALS}\nMooring by night", ""),
        (f"{CAPITALS}\nare told to all who moor there.", CAPITALS),
        ("Boats moor where lamps\nare lit.", "Boats moor"),
    ],
)
def test_titles_in_capitals_above_a_sentence_are_not_quoted_with_it(
    sentence: str, below: str
) -> None:
    whole = replace(candidate(sentence), sentences=[0, len(sentence)], sentence_scores=[0.5])
    reads = [each.reads(sentence) for each in sentences(0, whole)]
    assert len(reads) == bool(below)
    assert all(each.startswith(below) for each in reads)
