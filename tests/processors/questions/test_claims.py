"""Whether sentences say what a claim says, beside its words."""

from __future__ import annotations

import time

import pytest

from processors.questions.claims import contradict, supported


@pytest.mark.parametrize(
    ("told", "claim"),
    [
        ("Open from 9:00 to 17:00 on weekdays.", "Open on weekdays from 9:00 to 17:00."),
        ("Open from 9 am to 5 pm on weekdays.", "Open on weekdays from 9 am to 5 pm."),
        (
            "The fee was raised from 10 to 12 euros on 1 May 2024.",
            "On 1 May 2024, the fee was raised from 10 to 12 euros.",
        ),
        (
            "The fee is between 5 and 10 euros for adults.",
            "For adults, the fee is between 5 and 10 euros.",
        ),
        (
            "Interviews take 30 to 45 minutes, by phone.",
            "By phone, interviews take 30 to 45 minutes.",
        ),
        ("The rate is 0.40 percent.", "The rate is 0.4%."),
        ("It opens at 9:00.", "It opens at 09:00."),
        ("It costs 1.500 Euro.", "It costs 1,500 euros."),
        ("It costs 1,500 euros.", "It costs 1.500 Euro."),
        ("It has 5 GB.", "It has 5GB."),
        ("It costs EUR 12.", "It costs €12."),
        ("A 14-day trial.", "The trial lasts 14 days."),
        ("| Gold | 90 |", "Gold costs 90 euros."),
        ("Dogs allowed in the garden: no.", "Dogs are not allowed in the garden."),
    ],
)
def test_a_claim_in_another_order_or_spelling_is_supported(told: str, claim: str) -> None:
    assert supported(claim, [told], "")


@pytest.mark.parametrize(
    ("told", "claim"),
    [
        ("The trial lasts 14 days.", "The trial lasts 14 weeks."),
        ("The fee is 12 euros.", "The fee is $12."),
        ("The fee is 12 euros.", "The fee is 12%."),
        ("It opens at 9 am.", "It opens at 9 pm."),
        ("It is -5 degrees.", "It is 5 degrees."),
        ("It has 5 GB.", "It has 5 TB."),
        ("It has 1.5GB.", "It has 1.9GB."),
        ("Open 9:00am.", "Open 9:30am."),
        ("Dogs are allowed in the garden: no.", "Dogs are allowed in the garden: yes."),
        ("Are dogs allowed in the garden? No.", "Yes, dogs are allowed in the garden."),
        (
            "It costs 5 to 10 euros in Vienna and 7 to 12 euros in Graz.",
            "In Vienna it costs 7 euros.",
        ),
    ],
)
def test_another_unit_sign_hour_or_reply_is_not_supported(told: str, claim: str) -> None:
    assert not supported(claim, [told], "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("In 2023 there were 30 employees.", "In 2024 there were 60 employees."),
        ("From January 2020 the fee is 10 euros.", "From January 2024 the fee is 12 euros."),
        ("The fee of the S1 is 10 euros.", "The fee of the S2 is 12 euros."),
        ("In Austria the VAT is 20 %.", "In Germany the VAT is 19 %."),
        (
            "Employees with 5 years of service get 25 days.",
            "Employees with 10 years of service get 30 days.",
        ),
        ("Windows 10 needs 4 GB of memory.", "Windows 11 needs 8 GB of memory."),
        ("In 2023 smoking was allowed.", "In 2024 smoking was not allowed."),
        ("Open 9:00 to 17:00 daily.", "Open 9 to 17 daily."),
        ("The fee is EUR 1.500.", "The fee is EUR 1,500."),
        ("The rate is 0.40 %.", "The rate is 0.4 %."),
        (
            "The free trial for new customers of the bank lasts two weeks.",
            "The free trial for new customers of the bank lasts 14 days.",
        ),
    ],
)
def test_what_differs_in_two_things_or_in_spelling_is_no_contradiction(
    one: str, other: str
) -> None:
    assert not contradict(one, other) and not contradict(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The fee is 12 euros.", "The fee is 15 euros."),
        ("The fee is 12 euros.", "The fee is 15 euros in 2024."),
        ("It takes 10 to 15 days.", "It takes 20 to 25 days."),
        ("It opened in 1932.", "It opened in 1934."),
        ("It is due by 31 March.", "It is due by 30 April."),
        ("Use form F-1.", "Use form F-2."),
        ("Use form S1.", "Use form S2."),
        ("Smoking is allowed.", "Smoking is prohibited."),
        ("Staff must register.", "Staff need not register."),
        ("At least 12 people attend.", "At most 12 people attend."),
        ("Dogs are allowed: yes.", "Dogs are allowed: no."),
    ],
)
def test_one_figure_rule_or_limit_against_another_is_a_contradiction(one: str, other: str) -> None:
    assert contradict(one, other) and contradict(other, one)


def test_a_reply_after_its_question_counts_as_one_sentence_with_it() -> None:
    told = ["Are dogs allowed in the garden?", "No."]
    assert not supported("Yes, dogs are allowed in the garden.", told, "")


@pytest.mark.parametrize("unit", ["and 5 and 6 ", "5 to 6 or 7 to ", " ", "if x ", "no, ", ": "])
def test_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        taken: list[float] = []
        for more in range(3):  # a text of its own each time: what was read is kept
            started = time.process_time()
            supported(f"a {text} {more}", [f"b {text} {more}"], "")
            taken.append(time.process_time() - started)
        return min(taken)

    # Quadratic time would be 16 times as much; the constant absorbs noise of small times.
    assert seconds(16_000) < 9 * (seconds(4_000) + 0.01)
