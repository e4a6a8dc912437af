"""What the judge's reader learns from."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from evaluation.research.judging import drawing, pairs, questions
from evaluation.research.judging.rewording import reworded
from streams.flow.errors import UserError

TEXT = """The harbour office of Arlow opened in 1987 with twelve clerks. It was moved to Berwin in
March 1993 because the old quay was too small. The first director was Ida Novak, who led the office
for nine years. Most ships before 1993 were registered by hand. Ida Novak and Per Lund signed the
agreement with the city of Berwin."""


def test_changed_claims_come_with_evidence_that_makes_them_true() -> None:
    made = pairs.Changer([TEXT], "seed").twins(200)
    assert made == pairs.Changer([TEXT], "seed").twins(200)
    labels: dict[str, set[bool]] = {}
    for each in made:
        labels.setdefault(each.claim, set()).add(each.supported)
    both = sum(len(found) == 2 for found in labels.values())
    assert both > len(labels) / 3  # so the claim alone says little
    assert 0.4 < sum(each.supported for each in made) / len(made) < 0.6
    singles = pairs.Changer([TEXT], "seed").singles(100)
    assert not any(each.claim in each.context for each in made + singles if not each.supported)


def test_other_words_leave_longer_numbers_whole_and_turn_nothing_round() -> None:
    rng, said = random.Random(1), "They buy 1.5 mg in 100 m, 10% of one-third, for 3 to 4 people."
    found = {reworded(said, rng) for _ in range(500)}
    assert len(found) > 20
    assert all("1.5 mg in 100 m" in each.replace(",", "") for each in found)
    assert all("10%" in each and "one-third" in each for each in found)
    assert not any("purchase" in each for each in found)  # which is a noun too
    assert any("three to four" in each for each in found)


def test_a_negation_in_another_sentence_does_not_tell_which_claim_is_true() -> None:
    made = pairs.Changer([TEXT], "seed").twins(4000)
    own = TEXT.replace("\n", " ")
    beside = [
        each
        for each in made
        if re.search(r"\b(not|never)\b", each.context)
        and not re.search(r"\b(not|never)\b", each.claim)
        and each.claim in own
    ]
    told = [each.supported for each in beside if each.claim in each.context]
    assert len(told) > 20
    assert all(told)
    assert any(not each.supported for each in beside)


def test_training_without_a_set_names_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/scifact/corpus\.jsonl\.gz cannot be read"):
        drawing.draw(tmp_path, "")


def test_what_evidence_does_not_mention_stands_beside_what_it_does() -> None:
    made = pairs.Changer([TEXT], "seed").unmentioned(100)
    assert sum(each.supported for each in made) == len(made) / 2
    for true, false in zip(made[::2], made[1::2], strict=True):
        assert true.supported
        assert not false.supported
        assert true.context == false.context
        assert false.claim != true.claim


def test_two_sentences_make_one_claim_that_one_change_makes_false() -> None:
    made = pairs.Changer([TEXT], "seed").joined(60)
    for true, false in zip(made[::2], made[1::2], strict=True):
        assert (true.supported, false.supported) == (True, False)
        assert true.context == false.context
        assert true.claim != false.claim


def test_what_people_wrote_is_held_against_their_text_and_against_others() -> None:
    sentences = TEXT.replace("\n", " ").split(". ")
    other = ["The mill was sold.", "It burnt down two years later in a storm."]
    rows = [
        ("The office moved to Berwin in 1993.", sentences),
        ("The mill burnt down later.", other),
    ]
    made = pairs.Changer([TEXT], "seed").written(rows)
    assert made[0].supported
    assert "1993" in made[0].context
    crossed = [each for each in made if "mill" in each.claim and "mill" not in each.context]
    assert crossed
    assert not any(each.supported for each in crossed)


def test_rewording_changes_words_and_nothing_else() -> None:
    claim = "In 1987 the first director approximately doubled several types of 1,500 fees."
    made = {reworded(claim, random.Random(seed)) for seed in range(200)}
    assert len(made) > 50
    assert all("1987" in each and "director" in each for each in made)
    assert any("1st" in each for each in made)
    assert any("1500" in each for each in made)
    assert reworded(claim, random.Random(5)) == reworded(claim, random.Random(5))


def test_a_change_is_made_in_the_evidence_at_the_same_place() -> None:
    sentence = "In 1987 the office opened, and it was closed in 1993."
    for claim, changed, expected in [
        ("It was closed", "It was not closed", sentence.replace("was closed", "was not closed")),
        ("the office opened", "the depot opened", sentence.replace("office", "depot")),
        ("they shut it", "they opened it", None),
    ]:
        assert pairs.edited(sentence, claim, changed) == expected


@pytest.mark.parametrize(
    ("question", "answer", "claim"),
    [
        ("Who signed the lease?", "the tenant", "The tenant signed the lease."),
        ("When did the lease begin?", "May 2019", "The lease begin in May 2019."),
        ("How many rooms does the house have?", "six", "The house have six rooms."),
        ("What is the deposit?", "two rents", "The deposit is two rents."),
        ("Where was the key found?", "Arlow", "The key was found in Arlow."),
        ("Why?", "because", None),
    ],
)
def test_a_question_and_its_answer_are_a_statement(
    question: str, answer: str, claim: str | None
) -> None:
    assert questions.stated(question, answer) == claim
