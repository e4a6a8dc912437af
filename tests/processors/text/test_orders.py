"""What tells someone to do something."""

import pytest

from processors.text.orders import is_order


@pytest.mark.parametrize(
    "sentence",
    [
        "Open the lid.",
        "Then press the red button twice.",
        "If the lamp stays dark, replace the fuse.",
        "From the main menu, choose Boats.",
        "Step 3: Tighten the strap.",
        "**Select** your harbour.",
        "2 Say the word.",
        "Do not lift the sail.",
        "Öffnen Sie den Deckel.",
        "Fermez la porte.",
    ],
)
def test_an_order_is_told_by_its_first_words(sentence: str) -> None:
    assert is_order(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The lid is heavy.",
        "Start date: 3 May 2026",
        "You can press the button.",
        "If the lamp stays dark, the fuse is broken.",
        "A fee of 4 euros applies.",
        "",
    ],
)
def test_what_says_how_things_are_is_no_order(sentence: str) -> None:
    assert not is_order(sentence)
