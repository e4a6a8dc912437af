from __future__ import annotations

import time

import pytest

from processors.text.identifiers import (
    ABSENT,
    MENTIONED,
    NAMED,
    NAMED_AS_SPELLED,
    identifiers,
    looked_up,
    names,
    standing,
)


@pytest.mark.parametrize(
    "same",
    [
        ("AC-2(3)", "AC-2 (3)", "ac-2.3", "AC2(3)", "AC\u20112(3)", "AC\u20132(3)"),
        ("8.2.1(b)", "8.2.1.(b)", "\u200e8.2.1 (b)", "8.2.1.b"),
        ("POL-CARD-014", "pol_card_014", "POL\u2010CARD\u2010014"),
        ("XAV5001-100NAS", "xav-5001-100-nas"),
    ],
)
def test_ways_to_write_an_identifier_have_one_key(same: tuple[str, ...]) -> None:
    assert len({identifiers(each)[0] for each in same}) == 1


def test_what_differs_has_keys_of_its_own() -> None:
    texts = ["8.2.1", "82.1", "8.21", "8.2", "AC-2", "AC-23", "AC-2(3)", "AC-3(2)"]
    assert len({identifiers(each)[0] for each in texts}) == len(texts)


def test_a_part_number_is_known_without_its_hyphens() -> None:
    assert set(identifiers("910-001898")) & set(identifiers("910001898"))
    assert set(identifiers("XAV5001-100NAS")) & set(identifiers("xav5001100nas"))
    assert set(identifiers("1EN5 .019.02")) & set(identifiers("1en501902"))
    assert not set(identifiers("AC-11(1)")) & set(identifiers("AC-1(11)"))


def test_prose_has_no_identifiers() -> None:
    assert identifiers("Know-your-customer checks, e.g. at and/or in 24 hours.") == []


def test_a_chunk_goes_by_its_title_its_heading_and_its_document() -> None:
    assert names("AC-2 Accounts", "Part 1.2 > Fees", "") == ["acz2", "1z2"]
    assert "polz014" in names("", "", "handbook/POL-014.md")
    assert "acz2z3" in names("", "", "rev5:ac-2.3")


@pytest.mark.parametrize(
    "question",
    ["AC-2(3)", "What does control AC-2 (3) require?", "how much is the BRAND monitor AC-2(3)"],
)
def test_a_short_question_that_names_one_looks_it_up(question: str) -> None:
    assert len(looked_up(question)) == 1


def test_a_question_that_says_more_does_not() -> None:
    long = "How must firms treat client money that arrives late under Rule 8.2.1 in practice?"
    assert looked_up(long) == []
    assert looked_up("What is the daily limit?") == []


def test_how_a_chunk_stands_to_an_identifier() -> None:
    wanted = looked_up("AC-2(3)")
    assert standing(wanted, "AC-2(3) Disable", "", "", "") == NAMED_AS_SPELLED
    assert standing(wanted, "AC-2 (3) Disable", "", "", "") == NAMED_AS_SPELLED
    assert standing(wanted, "", "Controls > ac-2.3", "", "") == NAMED
    assert standing(wanted, "", "", "", "See AC-2(3).") == MENTIONED
    assert standing(wanted, "AC-2", "", "", "AC-23") == ABSENT


@pytest.mark.parametrize("text", ["1." * 50_000, "a-" * 50_000, "." * 100_000, "(1)" * 30_000])
def test_long_compounds_cost_linear_time(text: str) -> None:
    begin = time.process_time()
    identifiers(text)
    assert time.process_time() - begin < 2
