"""How much is quoted: what a sentence needs to be understood comes with it."""

from __future__ import annotations

from processors.questions.evidence import asked
from processors.questions.quotes import Quote, quoted
from tests.support.told_reader import candidate, passages, read

LEASE = """\
# Boat lease

A boat is leased by the week.

For a lease you bring:

- a sailing licence
- the deposit in cash
- a witness

## Return

1. Moor the boat at the east quay.
2. Hand the key to the warden.
   - After six, use the key box.
   - On Sundays too.
3. Sign the log.
"""
FAQ = """\
**May dogs come aboard?**

Yes.

**Is fuel part of the price?**

No.
"""


def quote(question: str, answer: str, *texts: str) -> Quote:
    found, units = read(question, answer, *map(candidate, texts))
    made = quoted(question, asked(question), units, found)
    assert made is not None
    return made


def test_a_list_is_quoted_whole_with_what_introduces_it() -> None:
    made = quote("Which things do I bring for a lease?", "the deposit in cash", LEASE)
    assert made.reads == (
        "For a lease you bring:\n- a sailing licence\n- the deposit in cash\n- a witness"
    )
    assert LEASE[made.start : made.end].startswith("For a lease")
    assert LEASE[made.start : made.end].endswith("a witness")


def test_an_introduction_is_never_quoted_without_its_list() -> None:
    made = quote("Who brings what?", "For a lease you bring", LEASE)
    assert made.reads.splitlines()[1:] == [
        "- a sailing licence",
        "- the deposit in cash",
        "- a witness",
    ]


def test_steps_come_in_their_order_with_their_numbers() -> None:
    made = quote("How do I return the boat?", "Moor the boat", LEASE)
    assert [line[:2] for line in made.reads.splitlines()] == ["1.", "2.", "- ", "- ", "3."]


def test_an_item_comes_with_what_is_below_it_and_no_further() -> None:
    made = quote("Who takes the key?", "Hand the key", LEASE)
    assert "Hand the key to the warden." in made.reads
    assert "On Sundays too." in made.reads
    assert "Sign the log" not in made.reads
    assert LEASE[made.start : made.end].rstrip().endswith("On Sundays too.")


def test_a_question_on_the_page_is_no_answer() -> None:
    (passage,) = passages("May dogs come aboard?", candidate(FAQ))
    assert [unit.reads for unit in passage.units] == ["Yes.", "No."]


def test_yes_and_no_are_read_with_their_question() -> None:
    assert quote("Are dogs allowed aboard?", "Yes", FAQ).reads == "May dogs come aboard? Yes."
    made = quote("Who pays for fuel?", "No.", FAQ)
    assert made.reads == "Is fuel part of the price? No."
    assert FAQ[made.start : made.end] == "No."


def test_a_few_words_of_a_list_are_read_with_what_introduces_it() -> None:
    made = quote("Who must be there?", "a witness", LEASE)
    assert made.reads == "For a lease you bring: a witness"
    assert LEASE[made.start : made.end] == "- a witness"


def test_one_sentence_stays_one_sentence() -> None:
    assert quote("How long is a lease?", "by the week", LEASE).reads == (
        "A boat is leased by the week."
    )


GUESTS = """\
Guests may sleep aboard on week-ends. However, no more than four at a time. The showers are new.

Dogs stay ashore.
"""


def test_what_takes_an_answer_back_is_quoted_with_it() -> None:
    made = quote("May guests sleep aboard?", "Guests may sleep", GUESTS)
    assert made.reads == (
        "Guests may sleep aboard on week-ends. However, no more than four at a time."
    )
    assert GUESTS[made.start : made.end] == made.reads


def test_what_stands_beside_and_says_no_more_of_it_is_left_out() -> None:
    assert quote("May dogs sleep aboard?", "Dogs stay", GUESTS).reads == "Dogs stay ashore."
    assert quote("When do guests sleep aboard?", "Guests may", GUESTS).reads == (
        "Guests may sleep aboard on week-ends."
    )


DUTY = """\
The warden of a lock shall—

(a) open the gates at dawn;
(b) keep the lamps lit; and
(c) write down each boat.
"""


def test_a_dash_opens_a_list_as_a_colon_does() -> None:
    made = quote("What is the warden's duty?", "The warden of a lock shall", DUTY)
    assert made.reads.splitlines()[0] == "The warden of a lock shall—"
    assert len(made.reads.splitlines()) == 4


def test_a_point_that_goes_on_a_sentence_is_read_with_it_and_without_what_leads_on() -> None:
    made = quote("Who keeps the lamps lit?", "keep the lamps lit", DUTY)
    assert made.reads == "The warden of a lock shall— keep the lamps lit"
    assert DUTY[made.start : made.end].strip() == "(b) keep the lamps lit; and"


def test_nothing_to_quote_is_no_quote() -> None:
    assert quoted("Who?", asked("Who?"), [], []) is None


KEEPERS = """\
Oda Lund and Per Vik run the upper lock. They open it at dawn. The lower lock has no keeper.

Its gate is blue.
"""


def test_a_sentence_that_points_back_comes_with_the_one_before_it() -> None:
    found = quote("When do they open the upper lock?", "They open it at dawn", KEEPERS)
    assert found.reads == "Oda Lund and Per Vik run the upper lock. They open it at dawn."
    assert KEEPERS[found.start : found.end] == found.reads


def test_one_that_stands_for_itself_or_begins_a_paragraph_comes_alone() -> None:
    alone = quote("Who keeps the lower lock?", "The lower lock has no keeper", KEEPERS)
    assert alone.reads == "The lower lock has no keeper."
    assert (
        quote("What colour is the gate?", "Its gate is blue", KEEPERS).reads == "Its gate is blue."
    )
