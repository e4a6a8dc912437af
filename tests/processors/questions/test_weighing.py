"""What was read as the answer is weighed by what else is known of it."""

from __future__ import annotations

from processors.questions.evidence import asked
from processors.questions.generate import Part
from processors.questions.weighing import weighed
from tests.support.told_reader import ToldReader, candidate, passages

KEEPERS = "Oda Lund keeps the upper lock. Her hut is green.\n\nPer Vik keeps the lower lock.\n"


def test_a_sentence_with_all_that_is_asked_wins_over_one_that_is_like_it() -> None:
    question = "Who keeps the lower lock?"
    part = Part(question, asked(question), [candidate(KEEPERS, "Locks")])
    units = weighed(part.passages, ToldReader({question: "Oda Lund"}).read(part.askings(1)))
    assert units[0].reads == "Per Vik keeps the lower lock."


def test_what_says_that_something_follows_is_no_answer_where_it_does_not() -> None:
    alone = "The following table sets out the tolls of boats:"
    assert not passages("What are the tolls of boats?", candidate(alone, "Tolls"))[0].units
    (boat,) = passages("What is on board?", candidate("A boat has:\n\n- a mast\n- a sail\n"))
    assert boat.units[0].reads == "A boat has:"


def test_what_is_below_a_point_has_the_sort_of_thing_that_is_asked_for_with_it() -> None:
    text = "- Fault A: the pump is off\n  - Wait 20 minutes.\n- Fault B: the lamp is off\n"
    (found,) = passages("Fault A. How long must one wait?", candidate(text, "Faults"))
    kinds = {unit.reads: unit.kind for unit in found.units}
    assert kinds["Fault A: the pump is off"]
    assert not kinds["Fault B: the lamp is off"]
