import random
import time

import pytest

from processors.text.sentences import split_sentences


def sentences(text: str, *, markdown: bool = True) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, markdown=markdown)]


@pytest.mark.parametrize(
    "expected",
    [
        ["See e.g. Art. 5 of the U.S. Code, i.e. the law.", "Dr. Smith agrees."],
        ["It was No. 7 in Fig. 2.", "The fee is 3.14 euros."],
        ["He left the U.S.", "The end came later."],
        ["8.2.1 The firm must act.", "8.2.2. The firm may not.", "See 8.2.3.", "Done."],
        ["Version 2.0.", "Use v1.2.3 of POL-CARD-014.", "It works."],
        ["It works...", "Maybe.", "Wait… what?", "Yes!"],
        ['"Really?" she said.', "(Yes.)", "“No.”", "End.[1]", "Next.[^2]"],
        ["Visit https://example.com/a.b?x=1.", "Mail a.b@example.com."],
        ["Use kafka-topics.sh.", "`foo` runs.", "maxRetries is 3."],
        ["J. R. Smith came.", "Paid on 1 Jan. 2024.", "In 1998.", "The next."],
        ["Er endet am 31. Dezember 2024.", "Am 2. Mai war es 12.", "Das war es."],
        ["Acme Inc. pays.", "Ask Acme Inc.", "The rest is silence."],
        ["The shop opens at 5 p.m. Eastern.", "They close at 9 p.m.", "The door stays open."],
        ["Rule 15. Boats keep 25 m.", "See Rule 15.", "Boats turn."],
        ["§ 17. Nets are kept.", "(b)(ii). Any loss.", "Art. 5. Any gain."],
        [
            "Artikel 5 Abs. 2 Satz 1. Das Boot haftet.",
            "Ende zum 3. Quartal.",
            "Es gilt z. B. Regel 4.",
        ],
        [
            "Er rief: „Nein.“",
            "Die Miete ist ca. 3 Mio. Euro, inkl. Strom.",
            "Das Netz usw.",
            "Die Bank.",
        ],
        ["It works .... 12 times."],
        ["« Non. »", "Mme. Roux paie p. ex. 5 €.", "Le bateau part."],
    ],
)
def test_prose_is_split_where_sentences_end(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_a_label_in_a_line_of_its_own_stays_with_its_text() -> None:
    assert sentences("Clause 7.\nBoats keep off.") == ["Clause 7.\nBoats keep off."]
    assert sentences("7\n8\n9") == ["7", "8", "9"]


def test_full_width_stops_need_no_space() -> None:
    assert sentences("这是一句。这是第二句！“引号。”好的。") == [  # noqa: RUF001
        "这是一句。",
        "这是第二句！",  # noqa: RUF001
        "“引号。”",
        "好的。",
    ]


def test_markdown_blocks_are_sentences() -> None:
    text = (
        "# Head\n\nOne. Two!\n\n- item one\n- item two. More.\n1. First\n2. Second\n\n"
        "| a | b |\n|---|---|\n| 1. | 2. x |\n| 3 | 4 |\n\n```python\nx = 1. \ny = 2\n```\nDone."
    )
    assert sentences(text) == [
        "# Head",
        "One.",
        "Two!",
        "- item one",
        "- item two.",
        "More.",
        "1. First",
        "2. Second",
        "| a | b |\n|---|---|",
        "| 1. | 2. x |",
        "| 3 | 4 |",
        "```python\nx = 1.",
        "y = 2\n```",
        "Done.",
    ]


def test_underlined_headings_front_matter_and_tables_without_outer_pipes() -> None:
    text = "---\ntitle: x\n---\nTitle\n=====\n\na | b\n--- | ---\n1 | 2\n\nLast.\n\n---\n"
    assert sentences(text) == [
        "---\ntitle: x\n---",
        "Title\n=====",
        "a | b\n--- | ---",
        "1 | 2",
        "Last.\n\n---",
    ]


def test_a_wrapped_line_goes_on_and_a_short_one_ends() -> None:
    wrapped = "This line is as long as an editor makes it before it wraps\nAnd goes on here."
    assert sentences(wrapped) == [wrapped]
    assert sentences("Name: John\nDate: today") == ["Name: John", "Date: today"]
    assert sentences('name = "x"\nversion = 1') == ['name = "x"', "version = 1"]


def test_plain_text_has_no_headings_or_tables() -> None:
    text = "# one two three four five six seven eight nine\n| and. More | text"
    assert len(sentences(text, markdown=False)) == 2


def test_line_ends_of_every_kind() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert sentences(f"# T{end}{end}One. Two.{end}{end}- a{end}- b{end}") == [
            "# T",
            "One.",
            "Two.",
            "- a",
            "- b",
        ]


def test_nothing_gives_nothing() -> None:
    assert sentences("") == sentences(" \n\t\r\n ") == []


def test_every_visible_character_is_in_one_sentence() -> None:
    bits = "# |-*`~>.!?…。()[]\"'\n\n\n\r\t 1aAé中\0\u2028=_:"
    for seed in range(300):
        rng = random.Random(seed)
        text = "".join(rng.choice(bits) for _ in range(rng.randrange(400)))
        for markdown in (True, False):
            spans = split_sentences(text, markdown=markdown)
            covered = set[int]()
            last = 0
            for start, end in spans:
                assert last <= start < end <= len(text), f"seed {seed}"
                assert text[start:end] == text[start:end].strip(), f"seed {seed}"
                covered.update(range(start, end))
                last = end
            seen = {i for i, character in enumerate(text) if not character.isspace()}
            assert seen <= covered, f"seed {seed}"


@pytest.mark.parametrize(
    "unit",
    [". ", ".", "|", "- ", "```a\n", "~~~", "'", ").", "a\r", "a\n\n---\n\n", "a|b\n-|-\n", "1. ",
     "> ", "*", "_ ", "\n", " ", "#", "a: b\n", "(", "e.g. ", "..", "。"],
)  # fmt: skip
def test_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        """The least of three: a garbage collection of all that the tests hold may fall in one."""
        text = unit * (size // len(unit))
        taken: list[float] = []
        for _ in range(3):
            started = time.process_time()
            split_sentences(text)
            taken.append(time.process_time() - started)
        return min(taken)

    # Quadratic time would be 64 times as much; the constant absorbs noise of small times.
    assert seconds(64_000) < 24 * (seconds(8_000) + 0.005)
