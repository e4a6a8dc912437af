"""What changed between two schemas, in words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from schemas import catalog
from schemas.differences import differences

RECORD: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "n",
    "fields": [
        {"name": "id", "type": "string", "doc": "Of the shop."},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [{"name": "price", "type": ["null", "long"], "default": None}],
                },
            },
        },
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
    ],
}


def changed(change: Any) -> list[str]:
    new = copy.deepcopy(RECORD)
    change(new)
    return differences(RECORD, new)


def test_the_same_differs_in_nothing_and_its_documentation_is_no_matter() -> None:
    assert changed(lambda new: None) == []
    assert changed(lambda new: new["fields"][0].update(doc="Of the customer.")) == []
    for name in catalog.names():
        assert differences(catalog.self_contained(name), catalog.self_contained(name)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda new: new["fields"].append({"name": "note", "type": ["null", "string"]}),
            ["Order.note: added, null | string, no default"],
        ),
        (lambda new: new["fields"].pop(0), ["Order.id: removed"]),
        (lambda new: new["fields"][0].update(type="long"), ["Order.id: string became long"]),
        (lambda new: new["fields"][1].update(default=["a"]), ['Order.tags: now default ["a"]']),
        (lambda new: new["fields"][1].pop("default"), ["Order.tags: now no default"]),
        (
            lambda new: new["fields"][1].update(type={"type": "map", "values": "string"}),
            ["Order.tags: array of string became map of string"],
        ),
        (
            lambda new: new["fields"][2]["type"]["items"]["fields"][0].update(type="long"),
            ["Line.price: null | long became long"],
        ),
        (
            lambda new: new["fields"][3]["type"].update(symbols=["OPEN", "SENT"]),
            ["State: PAID removed", "State: SENT added"],
        ),
        (
            lambda new: new["fields"][3].update(type="string"),
            ["State: removed", "Order.state: State became string"],
        ),
    ],
)
def test_a_change_is_named_by_its_type_and_field(change: Any, said: list[str]) -> None:
    assert changed(change) == said
