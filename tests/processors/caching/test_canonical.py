"""Which wordings of a question are one form."""

from __future__ import annotations

import pytest

from processors.caching.canonical import LONGEST, canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the limit of a Gold card?", "what's the gold card's limit"),
        ("What is the limit of a Gold card?", "Please tell me the limit for the Gold card."),
        (
            "the limit for gold cards",
            "Could you please tell me what the gold card limit is? Thanks",
        ),
        ("How many days are twelve weeks?", "how many days are 12 weeks"),
        ("Why can't we pay on 5 May 2024?", "why cannot we pay on 2024-05-05"),
        ("Does AC-2 (3) apply?", "does ac-2.3 apply"),
    ],
)
def test_harmless_wordings_are_one_form(one: str, other: str) -> None:
    assert canonical(one) == canonical(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("May I disable 2FA?", "May I enable 2FA?"),
        ("Can I withdraw cash abroad?", "Can I not withdraw cash abroad?"),
        ("Is it possible without a card?", "Is it possible with a card?"),
        ("What is the fee for 10 euros?", "What is the fee for 10 dollars?"),
        ("What applies for 10 days?", "What applies for 10 weeks?"),
        ("How do I convert dollars to euros?", "How do I convert euros to dollars?"),
        ("Does Peter owe Mary?", "Does Mary owe Peter?"),
        ("What is the limit of the Gold card?", "What was the limit of the Gold card?"),
        ("Who is my manager?", "Who is the manager?"),
        ("When is the bill due?", "Where is the bill due?"),
        ("What does AC-2(3) say?", "What does AC-2(4) say?"),
        ("What is the IT budget?", "What is it budget?"),
        ("May I pay?", "Must I pay?"),
        ("May I use C++ here?", "May I use C# here?"),
        ("Does the rule x < y hold?", "Does the rule x > y hold?"),
        ("What is the fee for A & B?", "What is the fee for A | B?"),
        ("What does plan A cover?", "What does a plan cover?"),
        ("Is vitamin A covered?", "Is a vitamin covered?"),
        ("What are the terms of the loan?", "What is the term of the loan?"),
        ("What are our savings rules?", "What are our saving rules?"),
        ("What applies from 1 May 2024?", "What applies until 1 May 2024?"),
    ],
)
def test_what_changes_the_question_changes_its_form(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_what_says_too_little_or_too_much_has_none() -> None:
    assert canonical("What is it?") == canonical("why?") == canonical("?") == ""
    assert canonical("card " * LONGEST) == ""
