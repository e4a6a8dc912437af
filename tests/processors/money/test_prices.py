"""What calls cost by a price list: exactly, or not known."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from processors.models import Completion
from processors.money.prices import price_table
from streams.app.policies import SHIPPED
from streams.app.pricing import prices
from streams.flow.errors import UserError
from tests.support.prices import LISTED, PRICES


def test_a_call_costs_whole_billionths_and_says_by_which_list() -> None:
    made = PRICES.completed(
        "generate", "m", Completion("x", 1000, 20, cached_tokens=400), "premium"
    )
    assert made.cost_nanos == 600 * 2_000 + 400 * 500 + 20 * 10_000
    assert (made.tier, made.prices) == ("premium", "p-1 of 2026-11-01")
    assert (made.input_tokens, made.output_tokens, made.cached_tokens) == (1000, 20, 400)


def test_a_server_that_counts_nothing_has_an_unknown_cost_unless_its_model_is_free() -> None:
    assert PRICES.completed("generate", "m", Completion("x", 0, 0)).cost_nanos is None
    free = price_table(LISTED | {"models": {"m": {"input": 0}}})
    assert free.completed("generate", "m", Completion("x", 0, 0)).cost_nanos == 0


def test_what_is_left_of_a_billionth_counts_as_one() -> None:
    table = price_table(LISTED | {"models": {"m": {"input": 0.0375}}})
    assert table.used("embed", "m", 3).cost_nanos == 113  # 112.5
    assert table.used("embed", "m", 0).cost_nanos == 0


def test_a_model_without_a_price_has_no_known_cost_and_a_free_one_has() -> None:
    made = PRICES.used("generate", "another", 10, 10)
    assert (made.cost_nanos, made.tier) == (None, "")
    shipped = prices(None)
    assert shipped.used("read", "reader@0123abcd", 500).cost_nanos == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"date": "soon"}, "'date' is 'soon'"),
        ({"currency": "euros"}, "'currency' is 'euros'; it must be three letters"),
        ({"models": {"m": {"input": -1}}}, "'models.m.input' is -1"),
        ({"models": {"m": {}}}, "'models.m.input' is missing"),
        (
            {"models": {"m": {"inputs": 1}}},
            "'models.m.inputs' is not known; did you mean 'input'",
        ),
        ({"version": ""}, "'version' is ''"),
    ],
)
def test_a_list_that_cannot_be_is_refused_by_name(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match="^" + why.replace(".", r"\.")):
        price_table(LISTED | change)


def test_a_wrong_list_names_its_file_and_a_missing_one_prices_nothing(tmp_path: Any) -> None:
    assert prices(tmp_path).used("generate", "m", 1).cost_nanos is None
    (tmp_path / "prices.yaml").write_text("version: p-1\n")
    with pytest.raises(UserError, match=r"prices\.yaml cannot be used: 'date' is missing"):
        prices(tmp_path)
    said = yaml.safe_load((SHIPPED / "prices.yaml").read_text())
    assert price_table(said).currency == "USD"
