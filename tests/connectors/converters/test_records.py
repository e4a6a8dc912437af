"""Records of JSON and YAML: a value stands with the names of its record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.converters.documents import Documents
from connectors.converters.records import written


@pytest.mark.parametrize(
    ("datum", "blocks"),
    [
        ({"a": {"b": "1"}}, ["a.b: 1"]),
        (
            [{"name": "Elm", "rent": 4}, {"name": "Oak", "rent": 9}],
            ["| name | rent |\n| --- | --- |\n| Elm | 4 |\n| Oak | 9 |"],
        ),
        (
            {
                "hall": {
                    "desk": {"days": "Mon", "from": 8},
                    "staff": [{"role": "a", "call": {"tel": 7}}],
                }
            },
            [
                "hall.desk: days: Mon; from: 8",
                "## hall staff",
                "| role | call tel |\n| --- | --- |\n| a | 7 |",
            ],
        ),
        (
            {
                "sets": [
                    {"name": "Elm", "nets": [{"size": 3, "lead": {"kg": 1}}]},
                    {"x": [[1], [2]]},
                ]
            },
            [
                "sets[Elm].name: Elm",
                "## sets[Elm] nets",
                "| size | lead kg |\n| --- | --- |\n| 3 | 1 |",
                "sets[1].x[0][0]: 1",
            ],
        ),
        (
            {"days": ["Mon", "Tue"], "none": None, "empty": {}, "open": False},
            ["days: Mon, Tue\nopen: false"],
        ),
        ([{"a": 1}, {"b": 2}, {"c": 3}], ["[0].a: 1", "[1].b: 2", "[2].c: 3"]),
    ],
)
def test_values_stand_with_the_names_of_their_record(datum: Any, blocks: list[str]) -> None:
    assert written(datum).split("\n\n")[: len(blocks)] == blocks


def test_yaml_is_read_as_records_as_it_is_written(converter: Documents) -> None:
    source = (
        "name: Hall\nstaff:\n- {role: porter, code: 007}\n- {role: clerk, code: 010}\nopen: no\n"
    )
    made = converter.convert("hall.yaml", source.encode())
    assert (made.doc_type, made.title, made.metadata["language"]) == ("json", "Hall", "yaml")
    assert made.body.split("\n\n") == [
        "name: Hall",
        "## staff",
        "| role | code |\n| --- | --- |\n| porter | 007 |\n| clerk | 010 |",
        "open: no",
    ]


@pytest.mark.parametrize("source", ["a: {{ b }}\n", "- [\n", "only words\n"])
def test_what_is_called_yaml_and_is_none_is_read_as_it_stands(
    converter: Documents, source: str
) -> None:
    made = converter.convert("a.yml", source.encode())
    assert (made.doc_type, made.body, made.metadata["language"]) == ("code", source, "yaml")


def test_yaml_that_stands_for_more_than_memory_holds_is_not_unfolded(converter: Documents) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    made = converter.convert("a.yaml", "\n".join(lines).encode())
    assert made.doc_type == "code" and "200,000 values" in made.metadata["unread"]


def test_deep_json_is_read_to_its_end(converter: Documents) -> None:
    datum: Any = "end"
    for _ in range(200):
        datum = {"a": datum}
    assert "end" in converter.convert("a.json", json.dumps(datum).encode()).body
