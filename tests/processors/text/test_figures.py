"""Numbers and dates, however they are written."""

import random

import pytest

from processors.text.figures import figures


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("1,000 and 1000, 1 000 or 1’000.00", ["1000"] * 4),  # noqa: RUF001
        ("0.40 percent, 1,20 euros", ["0.4", "1.2"]),
        ("twelve, twenty-five, two hundred and fifty thousand", ["12", "25", "250000"]),
        ("1.5 million", ["1500000"]),
        ("one day for one of them", ["1"]),
        ("between two and three hundred", ["2", "300"]),
        ("12 May 2024, May 12, 2024 and 12th of May 2024", ["2024-05-12"] * 3),
        ("2024-05-12, 12/05/2024, 12.05.2024 and 05/13/2024", ["2024-05-12"] * 3 + ["2024-05-13"]),
        ("May 2024, 2 March, in April", ["2024-05", "03-02", "month 4"]),
        ("it may march on", []),
        ("F-2207, AC-2(3), Q4 and POL-CARD-014", []),
        ("3-5 days, 24-month, 14:10, 30th, €5", ["3", "5", "24", "14:10", "30", "5"]),
        ("31.31.2024", ["31.31.2024"]),
        ("12.50 euros, 12.5 euros, 5 Million, 5 million", ["12.5"] * 2 + ["5000000"] * 2),
        ("9:00, 09:00, 9:00am", ["9:00"] * 3),
        ("-5 degrees, minus five degrees, 10 -15 days", ["-5", "-5", "10", "15"]),
        ("5GB and 5 GB, 12EUR", ["5", "5", "12"]),
        ("1.234,56 Euro, 1.234.567 Stück, 1.234.567,8", ["1234.56", "1234567", "1234567.8"]),
        ("3. Mai 2024, 3 mai 2024, 3. April 2024", ["2024-05-03"] * 2 + ["2024-04-03"]),
        ("1er août 2023, März 2024, 3. December", ["2023-08-01", "2024-03", "3", "month 12"]),
        ("2,5 Mio., 3 milliards, 4 Tsd.", ["2500000", "3000000000", "4000"]),
        ("5(1), 5 (1), 12(4)(b), 8.2.1(1), $3.2M, 1.5Xy", []),
    ],
)
def test_figures_have_one_key_for_every_spelling(text: str, keys: list[str]) -> None:
    assert [figure.key for figure in figures(text)] == keys


def test_a_date_says_its_parts() -> None:
    (figure,) = figures("12 May 2024")
    assert figure.says == {"2024-05-12", "2024-05", "2024", "05-12", "month 5"}
    assert figure.time


@pytest.mark.parametrize(
    "text", ["9" * 9_000, "nine hundred " * 9_000, "1." * 9_000, "1,000" * 999]
)
def test_any_number_ends(text: str) -> None:
    assert len(list(figures(text))) < 9_000


@pytest.mark.parametrize(
    "text",
    ["12 \u017fept 1794", "f\u0131ve euros", "S\u0130X", "m\u0131ll\u0131on", "thou\u017fand"],
)
def test_letters_that_only_look_alike_make_no_word_of_a_number(text: str) -> None:
    assert {figure.key for figure in figures(text)} <= {"12", "1794"}


def test_figures_are_read_from_any_text() -> None:
    like = {
        "s": "\u017f",
        "i": "\u0131\u0130",
        "k": "\u212a",
        "1": "\u0661\u00b9",
        "5": "\uff15\u00bd",
    }
    bits = "five six one-million hundred and sept. 12th April May 2024-05-12 1,500.20 :()-"
    rng = random.Random(5)
    for _ in range(3_000):
        text = rng.choice(["", " "]).join(rng.choices(bits.split(), k=5))
        text = "".join(
            rng.choice(like[each.lower()]) if each.lower() in like and rng.random() < 0.3 else each
            for each in rng.choice([text, text.upper()])
        )
        for figure in figures(text):
            assert text[figure.start : figure.end].strip(), text


def test_a_point_before_three_digits_may_part_thousands() -> None:
    (german,) = figures("1.500 Euro")
    assert german.says == {"1.5", "1500"}
    assert german.among(frozenset(["1500"])) and german.among(frozenset(["1.5"]))
    assert [figure.says for figure in figures("0.125 and 1.250 million")] == [
        {"0.125"},
        {"1250000"},
    ]


def test_a_unit_beside_a_number_is_known_in_its_spellings() -> None:
    text = "€5, 5 EUR, 5 euros, $5, 5%, 5 per cent, 14-day, two weeks, 9 am, 9 p.m., 5 apples"
    assert [figure.unit for figure in figures(text)] == (
        ["euro"] * 3 + ["dollar"] + ["percent"] * 2 + ["day", "week", "am", "pm", ""]
    )
