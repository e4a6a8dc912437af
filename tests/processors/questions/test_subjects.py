"""What a question names, and which passages are about that."""

from __future__ import annotations

import pytest

from processors.questions.subjects import Subjects, labels_of, subjects

TITLES = [
    "Willow Account: fees",
    "Grey Willow Account: fees",
    "Tern Card overview",
    "Tern Card Plus",
]
TEXTS = ["The monthly fee is 4 euros.", "A lost card is replaced for 9 euros."]


def named(question: str) -> Subjects:
    return subjects(question, TITLES, TEXTS)


def words(found: Subjects) -> list[tuple[str, ...]]:
    return [each.words for each in found.known]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the fee of the Grey Willow Account?", ("grey", "willow")),
        ("What is the fee of the Willow Account?", ("willow",)),
        ("fee of the grey willow account", ("grey", "willow")),
        ("Does Tern Card Plus cost more?", ("tern", "card", "plus")),
    ],
)
def test_the_longest_name_that_titles_have_is_meant(question: str, name: tuple[str, ...]) -> None:
    assert words(named(question)) == [name]


def test_a_name_is_not_the_longer_one_that_it_is_a_part_of() -> None:
    short, long = named("What is the fee of the Willow Account?"), named("Fee of Grey Willow?")
    assert short.fits("The fee is 4 euros.", ["Willow Account: fees"], "") == 1
    assert short.fits("The fee is 4 euros.", ["Grey Willow Account: fees"], "") == 0
    assert long.fits("The fee is 4 euros.", ["Grey Willow Account: fees"], "") == 1
    assert long.fits("The fee is 4 euros.", ["Willow Account: fees"], "") == 0


def test_what_names_nothing_may_be_about_anything_but_less_than_what_names_it() -> None:
    found = named("What is the fee of the Willow Account?")
    assert found.fits("Fees are due in May.", ["Payments in general"], "") == 0.5
    assert named("When are fees due?").fits("Fees are due in May.", ["Willow Account"], "") == 1


def test_a_product_that_nothing_found_speaks_of_is_unknown() -> None:
    found = named("What is the fee of the Magpie Account?")
    assert (found.known, found.unknown) == ((), ("Magpie Account",))
    assert named("What does a lost card cost?").unknown == ()


def test_an_acronym_and_the_first_word_of_a_sentence_name_nothing() -> None:
    found = named("Replace a card? Is IBAN needed?")
    assert (found.known, found.unknown) == ((), ())


@pytest.mark.parametrize(
    ("question", "own", "wrong"),
    [
        ("What was the fee in 2019?", "In 2018 it was 3 euros.", True),
        ("What was the fee in 2019?", "In 2019 it was 4 euros.", False),
        ("What was the fee in 2019?", "It is 5 euros.", False),
        ("Which fees were there before 2019?", "In 2018 it was 3 euros.", False),
        ("Which fees were there before 2019?", "In 2020 it was 3 euros.", True),
        ("Which fees are there since 2019?", "In 2020 it was 3 euros.", False),
        ("What was the fee?", "In 2018 it was 3 euros.", False),
    ],
)
def test_a_year_that_is_asked_for_rules_others_out(question: str, own: str, wrong: bool) -> None:
    assert named(question).wrong_time(own, [], "") is wrong


def test_a_year_of_the_nearest_heading_counts_before_one_of_the_title() -> None:
    found = named("What was the fee in 2019?")
    assert not found.wrong_time("It was 4 euros.", ["# Fees 2019"], "fees 2020")
    assert found.wrong_time("It was 4 euros.", [], "fees 2020")


def test_a_provision_that_is_named_is_looked_up_where_it_stands() -> None:
    texts = ["Section 4\nNotice is a month.", "Sec. 5\nNotice is a week."]
    found = subjects("What is the notice under section 5?", ["Terms"], texts)
    assert found.labels == (("section", "5"),)
    assert found.labelled("Notice is a week.", ["Sec. 5"])
    assert not found.labelled("Notice is a month.", ["Section 4"])


def test_provisions_are_told_by_their_kind_and_number() -> None:
    said = "Article 7 and Art. 8; § 12; the article a reader likes"
    assert labels_of(said) == {("article", "7"), ("article", "8"), ("§", "12")}


def test_where_no_provision_is_called_so_none_is_asked_for() -> None:
    found = subjects("What is the notice under section 5?", ["Terms"], ["Notice is a week."])
    assert found.labels == ()
