"""Markdown as a reader sees it, and raised characters that are no digits of the number before."""

from __future__ import annotations

import time

import pytest

from processors.text.legible import legible
from processors.text.markup import tidied
from processors.text.raised import down, resolved, up

CASES = [
    ("The bell rings at ~~8~~ 9.", "The bell rings at  9."),
    ("Ring <del>twice</del> once.", "Ring  once."),
    ("Before<!-- not for guests: code 55 -->after.", "Beforeafter."),
    ("Read [the rules](/rules?x=1#y) first.", "Read the rules first."),
    ("Write to [us](mailto:desk@berg.example).", "Write to us (desk@berg.example)."),
    ("See [![Plan of the old hall](a.png)](b.html).", "See [Picture: Plan of the old hall]."),
    ("![logo](l.png)Text", "Text"),
    ("- [x] Paid\n- [ ] Signed", "- ☑ Paid\n- ☐ Signed"),
    ("One<br>two <b>three</b> &amp; four", "One  \ntwo three & four"),
    ("Use `~~x~~ <b>` and\n\n```\n<!-- kept --> ~~y~~\n```", None),
    ("- [A](#a)\n- [B](#b)\n- [C](#c)\n\nText of A.", "\nText of A."),
    ("a < b and c | d", None),
    ("If a <b and c> d, arr[i](j) is set.", None),
    (
        "See [the rules][r] and [Nets].\n\n[r]: x.md\n[nets]: y.md 'N'\n",
        "See the rules and Nets.\n\n",
    ),
    ("Toll\n: 9 marks a day\n\nNet\n\n:   a seine", "Toll: 9 marks a day\n\nNet: a seine"),
    ("40 m<sup>2</sup> at 10<sup>4</sup> each", "40 m² at 10^4 each"),
    (
        "The toll is ==9 marks==, 10^4^ of H~2~O; a == b, x^2 and ~4",
        "The toll is 9 marks, 10^4 of H2O; a == b, x^2 and ~4",
    ),
    ("<div style='display:none'>secret</div>Open.", "Open."),
]


@pytest.mark.parametrize(("source", "seen"), CASES)
def test_markdown_reads_as_it_is_seen_and_code_stays(source: str, seen: str | None) -> None:
    made = tidied(source).text
    assert made == (source if seen is None else seen)
    assert tidied(made).text == made


def test_what_is_left_out_is_named() -> None:
    made = tidied("A ~~b~~ <!-- two words --> ![Map of the island](m.png)\n<p hidden>x</p>")
    assert made.unread == (
        "1 comment left out",
        "1 hidden part left out",
        "1 place of struck text left out",
        "1 picture not read",
    )


def test_front_matter_gives_the_title_and_says_what_is_a_draft() -> None:
    made = tidied('---\ntitle: "House rules"\ndraft: true\n---\n\nNo shoes.')
    assert (made.title, made.draft) == ("House rules", True)
    assert not tidied("---\ntitle: House rules\n---\n\ndraft: true").draft


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (
            "| Vault | 2 keys |\n|---|---|\n| Garage | 1 key |",
            "|  |  |\n| --- | --- |\n| Vault | 2 keys |\n| Garage | 1 key |",
        ),
        ("| The hall opens at 7. |\n|---|", "The hall opens at 7."),
        ("Kind | Cost\n---|---\nTea | 4", "Kind | Cost\n---|---\nTea | 4"),
        (
            "<table><tr><th>Kind</th><th>Cost</th></tr><tr><td>Tea</td><td>4</td></tr></table>",
            "| Kind | Cost |\n| --- | --- |\n| Tea | 4 |",
        ),
    ],
)
def test_tables_of_markdown_get_the_header_that_they_have(source: str, written: str) -> None:
    made = tidied(source).text.strip()
    assert made == written
    assert tidied(made).text == made


OPEN = (
    "<!--", "[a](", "~~a", "<table>", "| a\n", "```\n", "<div hidden>", "[[[[", "<tr", "![a](",
    "- [x](#", "a\n: ", "&amp", "<b a=", "`", "~~~x\n", "\ue0f0\ue0f2\ue0f0",
)  # fmt: skip


@pytest.mark.parametrize("unit", OPEN)
def test_a_long_text_of_open_marks_takes_no_time(unit: str) -> None:
    started = time.process_time()
    tidied(unit * (400_000 // len(unit)))
    tidied("<table>" + unit * (400_000 // len(unit)) + "</table>")
    assert time.process_time() - started < 8


def test_a_table_of_more_cells_than_can_be_is_left_as_it_is() -> None:
    table = f"|{'a|' * 2_000}\n|---|\n" + "| b |\n" * 2_000
    assert tidied(table).text == table


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (
            ["Rent is 12", up("1"), " marks.\n\n", up("1"), " Each May."],
            "Rent is 12[^1] marks.\n\n[^1]: Each May.",
        ),
        (["Rent is 12", up("a)"), " marks."], "Rent is 12[^a] marks."),
        (["on the 3", up("rd"), " floor"], "on the 3rd floor"),
        (["2", up("10"), " and x", up("2")], "2^10 and x^2"),
        (["9 m", up("3"), " of CO", down("2")], "9 m³ of CO2"),
        (["10", up("-"), up("3")], "10^-3"),
        (["ninety", up("7"), "."], "ninety[^7]."),
    ],
)
def test_a_raised_mark_is_no_digit_of_the_number_before_it(parts: list[str], written: str) -> None:
    assert resolved("".join(parts)) == written


def test_letters_set_as_one_are_letters_and_what_nobody_sees_is_none() -> None:
    assert legible("o\ufb03ce \ufb02oor de\xadposit\u200b") == "office floor deposit"
