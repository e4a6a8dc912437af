"""How sure it is that what was read answers what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.questions.certainty import demanded, evidence, of_others, signals
from processors.questions.evidence import asked
from processors.questions.generate import Part
from processors.questions.parts import parts_of
from processors.questions.weighing import Unit, weighed
from schemas.events import Candidate
from tests.support.told_reader import ToldReader, candidate

SHEDS = """\
# Moorings

## Teal plan

It holds 40 nets. A lost key costs 9 euros.

## Plum plan

It holds 70 nets. The door is red.
"""


def _evidence(question: str, answer: str) -> tuple[float, Unit]:
    part = Part(question, asked(question), [candidate(SHEDS, "Moorings")])
    told = ToldReader({question: answer})
    units = weighed(part.passages, told.read(part.askings(1)))
    units[0].alone = told.read([part.passages[0].asking(question, units[0])])[0].answers
    known = frozenset[str]().union(*(each.keys for each in part.passages))
    return evidence(asked(question), units, known, 0.5), units[0]


def test_what_is_said_of_another_thing_is_evidence_against_an_answer() -> None:
    key, nets = "What does a lost key of the Plum plan cost?", "How many nets are in the Plum plan?"
    against, unit = _evidence(key, "A lost key costs 9 euros")
    assert unit.lost > 0.9
    assert "9 euros" not in unit.reads
    own, unit = _evidence(nets, "It holds 70 nets")
    assert unit.lost < 0.1
    assert unit.reads == "It holds 70 nets."
    assert against < 0.3 < 0.6 < own


TOLLS = """\
| Net | Toll | Pier |
| --- | --- | --- |
| Seine |  | 2 |
| Trawl | 40 | 3 |
"""


def test_an_empty_cell_is_evidence_against_its_row() -> None:
    def sure(question: str, answer: str) -> float:
        part = Part(question, asked(question), [candidate(TOLLS, "Nets")])
        units = weighed(part.passages, ToldReader({question: answer}).read(part.askings(1)))
        return evidence(part.asked, units, part.passages[0].keys, 0.5)

    assert sure("What is the toll of a seine?", "Seine") < 0.5
    assert sure("What is the toll of a trawl?", "Trawl | 40") > 0.7


GAPS = "Berths are let by the week. A late fee of [value not available] applies. Dogs are welcome."


def test_where_a_value_should_stand_and_does_not_nothing_is_answered() -> None:
    question = "What late fee applies?"
    part = Part(question, asked(question), [candidate(GAPS, "Berths")])
    told = ToldReader({question: "A late fee of"})
    units = weighed(part.passages, told.read(part.askings(1)))
    assert all("late fee" not in unit.reads for unit in units)
    assert units[0].lost > 0.9
    assert evidence(part.asked, units, part.passages[0].keys, 0.5) < 0.3


def test_what_is_asked_and_said_of_another_thing_alone_is_evidence_against_an_answer() -> None:
    question = "What is the winter fee of the Plum plan?"
    plum = candidate("# Plum plan\n\nThe summer fee is 4 euros.\n", "Plum plan", doc_id="plum")
    text = "# Teal Plum plan\n\nThe winter fee is 9 euros.\n"
    teal = candidate(text, "Teal Plum plan", doc_id="teal")

    def sure(*found: Candidate) -> float:
        part = Part(question, asked(question), found)
        told = ToldReader({question: "The summer fee is 4 euros"})
        read = told.read(part.askings(2))
        units = weighed(part.reading, read)
        units[0].alone = 0.0  # it is of the plan, and of a fee
        known = frozenset[str]().union(*(each.keys for each in part.passages))
        assert units[0].reads == "The summer fee is 4 euros."
        others = of_others(units[0], part.passages)
        assert others is (teal in found)
        return evidence(part.asked, units, known, 0.5, others=others)

    assert sure(plum, teal) < sure(plum) - 0.15


def test_what_is_read_by_itself_and_is_no_answer_is_less_sure() -> None:
    question = "How many nets are in the Plum plan?"
    part = Part(question, asked(question), [candidate(SHEDS, "Moorings")])
    units = weighed(part.passages, ToldReader({question: "It holds 70 nets"}).read(part.askings(1)))
    known = part.passages[0].keys

    def sure(alone: float | None) -> float:
        units[0].alone = alone
        return evidence(part.asked, units, known, 0.5)

    assert sure(-6.0) < sure(0.0) < sure(6.0) == sure(units[0].said)
    assert sure(None) == sure(units[0].said)  # read within its passage alone


def test_the_nearest_unit_that_holds_all_of_the_answer_is_surer() -> None:
    question = "How many nets are in the Plum plan?"
    part = Part(question, asked(question), [candidate(SHEDS, "Moorings")])
    units = weighed(part.passages, ToldReader({question: "It holds 70 nets"}).read(part.askings(1)))
    known = part.passages[0].keys
    first = evidence(part.asked, units, known, 0.5)
    units[0].held = 0.5
    assert evidence(part.asked, units, known, 0.5) < first
    units[0].held = 1.0
    units[1].sentence = replace(units[1].sentence, cosine=0.9)  # another is more alike
    assert evidence(part.asked, units, known, 0.5) < first


def _sure(question: str, text: str, answer: str) -> float:
    """The evidence that `answer`, read as such in `text` and by itself, is one."""
    part = Part(question, asked(question), [candidate(text, "Nets")])
    units = weighed(part.passages, ToldReader({question: answer}).read(part.askings(1)))
    units[0].said = units[0].alone = -1.0  # so that it is neither sure nor impossible
    return evidence(part.asked, units, part.passages[0].keys, 0.5)


def test_a_cell_whose_row_and_column_are_named_is_surer() -> None:
    text = "| Net | Toll |\n| --- | --- |\n| Seine 30 | 4 marks |\n"
    named = _sure("Which toll is due for the Seine 30?", text, "Seine 30")
    assert named > _sure("Which levy is due for the Seine 30?", text, "Seine 30") + 0.1
    assert named > _sure("Which toll is due for the Trawl?", text, "Seine 30") + 0.1


PLAIN = "Who mends the seine?"


@pytest.mark.parametrize(
    "demanding",
    [
        "Could you clarify who mends the seine?",
        "Can you give further details of who mends the seine?",
        "What procedures has who mends the seine?",
        "Who mends the seine of herring boats, whalers, cutters, dories, prams, yawls and smacks?",
    ],
)
def test_what_takes_more_than_a_sentence_is_less_sure_in_one(demanding: str) -> None:
    text = "Oda Lund mends the seine."
    assert _sure(demanding, text, "Oda Lund") < _sure(PLAIN, text, "Oda Lund") - 0.1


def test_a_part_of_what_is_asked_is_less_sure_than_the_whole() -> None:
    (_, first), (_, second) = parts_of("Who mends the seine and when is it dried?")[0]
    assert demanded(first) < 0 and demanded(second) < 0
    assert demanded(asked(PLAIN)) == 0


def test_other_words_than_the_name_are_asked_however_much_the_name_weighs() -> None:
    question = "After which time may Long Haul Pay block someone?"
    own = candidate("A member may block someone after 12 hours.", "Blocking", doc_id="own")
    other = candidate("Long Haul Pay is new.", "Long Haul Pay: start", doc_id="other")
    part = Part(question, asked(question), [own, other])
    told = ToldReader({question: "block someone after 12 hours"})
    units = weighed(part.passages, told.read([p.asking(question) for p in part.passages]))
    known = frozenset[str]().union(*(each.keys for each in part.passages))
    assert units[0].reads == "A member may block someone after 12 hours."
    assert signals(part.asked, units, known, 0.5)["own"] == 1.0
