"""What is said of a file that people wrote."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from schemas.validation import NOTHING_IS_EMPTY, Written, expected, validated


class Meal(Written):
    dish: Annotated[str, Field(min_length=1), expected("the name of a dish")]
    price: Annotated[float, Field(strict=True, ge=0), expected("a number, 0 or more")]
    size: Literal["small", "large"] = "small"


class Menu(Written):
    version: str
    meals: Annotated[dict[str, Meal], NOTHING_IS_EMPTY] = Field(default_factory=dict[str, Meal])
    drinks: tuple[Meal, ...] = ()


TEA = {"dish": "tea", "price": 1}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "'version' is missing"),
        ({"version": 1}, "'version' is 1; it must be a text"),
        ({"version": "1", "meal": {}}, "'meal' is not known; did you mean 'meals'?"),
        ({"version": "1", "x": {}}, "'x' is not known; known are drinks, meals, version"),
        # A key that is spelled wrong is missing too: what it was taken for is said.
        ({"versoin": "1"}, "'versoin' is not known; did you mean 'version'?"),
        ({"version": "1", "meals": 7}, "'meals' is 7; it must be a mapping"),
        ({"version": "1", "meals": {"lunch": 7}}, "'meals.lunch' is 7; it must be a mapping"),
        (
            {"version": "1", "meals": {"lunch": TEA | {"prices": 2}}},
            "'meals.lunch.prices' is not known; did you mean 'price'?",
        ),
        (
            {"version": "1", "drinks": [TEA, TEA | {"price": -1}]},
            "'drinks[1].price' is -1; it must be a number, 0 or more",
        ),
        (
            {"version": "1", "drinks": [TEA | {"price": float("nan")}]},
            "'drinks[0].price' is nan; it must be a number, 0 or more",
        ),
        (
            {"version": "1", "drinks": [TEA | {"size": "huge"}]},
            "'drinks[0].size' is 'huge'; it must be 'small' or 'large'",
        ),
        (
            {"version": "1", "drinks": "tea " * 100},
            "'drinks' is 'tea tea tea tea tea tea tea tea tea tea tea tea tea tea tea...;"
            " it must be a list",
        ),
    ],
)
def test_a_sentence_names_the_key_what_was_found_and_what_is_expected(
    said: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as failure:
        validated(Menu, said)
    assert str(failure.value) == complaint


def test_a_mapping_with_nothing_behind_its_key_is_empty() -> None:
    assert validated(Menu, {"version": "1", "meals": None}).meals == {}


def test_what_was_read_cannot_be_changed() -> None:
    menu = validated(Menu, {"version": "1"})
    with pytest.raises(ValueError, match="frozen"):
        menu.version = "2"  # pyright: ignore[reportAttributeAccessIssue]
