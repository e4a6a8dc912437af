"""How what is quoted reads in an answer."""

from __future__ import annotations

import pytest

from processors.questions.quoting import sentences
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
