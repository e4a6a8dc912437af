"""What stands where nobody has filled in a value yet."""

from __future__ import annotations

import pytest

from processors.text.values import holed


@pytest.mark.parametrize(
    "text",
    [
        "The toll is TBD.",
        "The toll is {{toll}} marks.",
        "The toll is ${toll}.",
        "The toll is ____ marks.",
        "The toll is XX marks and XX %.",
        "The toll is $XX.",
        "The toll is to be determined.",
        "The toll is [amount] marks.",
        "The toll is <insert toll here>.",
        "The toll is [value not available].",
        "Toll: N/A",
        "Die Gebühr wird noch festgelegt.",
        "Le tarif est à définir.",
    ],
)
def test_a_value_that_is_not_filled_in_is_a_hole(text: str) -> None:
    assert holed(text)


@pytest.mark.parametrize(
    "text",
    [
        "The toll is to be determined by the lock master.",
        "The toll of lock XX is 9 marks.",
        "See [1] and [the rules] for a < b > c.",
        "Set toll_of_tugs to 9.",
        "The toll is 9 marks [^2].",
    ],
)
def test_a_value_is_no_hole(text: str) -> None:
    assert not holed(text)
