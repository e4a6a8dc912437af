from __future__ import annotations

import time
from itertools import pairwise

import pytest

from processors.guard.personal import LONGEST, findings, kinds, masked


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my ssn is 536-22-8726, is that enough?", "ssn"),
        ("536\u201122\u20118726, as a word processor writes it", "ssn"),
        ("\ufdfa" * 600 + " 536-22-8726", "ssn"),  # each is 18 characters in its plain form
        ("4111\u201311\ufe0f11\u20131111\u20131111", "card"),
        ("call \u202a+1 212\u2011555\u20110187\u202c", "phone"),
        ("536 22 8726", "ssn"),
        ("card 4111 1111 1111 1111 was charged twice", "card"),
        ("4111-1111-1111-1111", "card"),
        ("\uff14\uff11\uff11\uff111111\u200b11111111", "card"),
        ("pay to DE89 3704 0044 0532 0130 00 please", "iban"),
        ("gb82west12345698765432", "iban"),
        ("write to anne.o+x@mail.example.org.", "email"),
        ("call (212) 555-0187 today", "phone"),
        ("+44 20 7946 0958", "phone"),
        ("my mobile number is 0171 5550123", "phone"),
        ("use sk-abcdefghijklmnopqrstuvwx for it", "key"),
        ("AKIAIOSFODNN7EXAMPLE", "key"),
        ("the password is: hunter2hunter2", "key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "key"),
    ],
)
def test_what_is_of_a_person_or_a_secret_is_found(text: str, kind: str) -> None:
    assert kinds(text) == (kind,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What is the daily limit of 4111 1111 1111 1112?",  # not by Luhn
        "DE88 3704 0044 0532 0130 00",  # not by its check digits
        "000-12-3456 and 666-12-3456 and 912-12-3456",  # never issued
        "between 2019-2020 and 31.12.2024, or 2024-12-31",
        "EUR 1.234.567 or 12 345 678 dollars",
        "see AC-2(3), SC-7 (4) and ISO 27001:2022 section 4.2.1.10",
        "article 6(1)(f) of regulation 2016/679, paragraphs 123456 and 1234567",
        "what is a password policy, and what is a secret key?",
        "order 00012345678, part no. 4711-0815",
        "user@localhost and @anne",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert kinds(text) == ()


def test_what_was_found_is_masked_and_the_rest_is_left() -> None:
    said = "Is 4111 1111 1111 1111 or a@b.example mine?"
    assert masked(said) == "Is [card] or [email] mine?"
    assert masked("Größe ﬁx?") == "Größe fix?"
    assert len(masked("x" * LONGEST + " 536-22-8726")) == LONGEST, "nothing that nobody looked at"


def test_none_is_within_another() -> None:
    found = findings("mail 4111111111111111@pay.example or call 212-555-0187")
    assert [each.kind for each in found] == ["email", "phone"]
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    "evil", ["a@", "1 ", "1-", "AA11 ", "api key is ", "(", "a.", "+1 2", "x", "\ufdfa", "1\u2013"]
)
def test_no_text_takes_long(evil: str) -> None:
    before = time.process_time()
    kinds(evil * 100_000)
    assert time.process_time() - before < 1
    assert LONGEST < 100_000
