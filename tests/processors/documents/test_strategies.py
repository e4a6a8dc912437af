"""Each strategy on the form it is made for, through the chunker."""

from __future__ import annotations

import random
import time

import pytest

from connectors.converters.documents import Documents
from processors.documents.chunk import PAGE_BREAK
from processors.documents.chunking import ChunkingConfig, ChunkingPolicy, parse
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.documents.strategies import STRATEGIES, blocks_of, dialogue, provisions, table
from schemas.events import Chunk, DocumentFed
from streams.app import policies
from streams.app.config import chunking_policy
from streams.app.settings import Settings
from tests.processors.documents.test_chunk import Words, changed, chunk, pairs, prose

RULES = "\n\n".join(
    [
        "# Conduct rules",
        "Chapter 8 Client money",
        "8.2 Segregation",
        *(f"8.2.{n} A firm must keep client money {n} apart. " + prose(4) for n in range(1, 6)),
        "8.3 Reconciliation",
        "8.3.1 A firm must reconcile daily:\n(a) its own records;\n(b) those of the bank.\n\n"
        + prose(40),
    ]
)
PYTHON = '''import os

LIMIT = 3


@cached
def read(path):
    """Read a file."""
{body}
    return text


class Reader:
    """Reads files."""

    def open(self):
{body}

    def close(self):
{body}


print(read(LIMIT))
'''


def cut(body: str, *strategies: str, tokens: int = 80, least: int = 10, **fields: object):
    config = ChunkingConfig(strategies, max_tokens=tokens, min_tokens=least)
    event = changed(body, **fields)
    made = chunk(event, counter=Words(), policy=ChunkingPolicy("v", {}, config))
    return [item for record in made for item in record.chunks]


def test_numbered_provisions_are_chunks_named_by_their_numbers() -> None:
    found = cut(RULES, "provisions")
    headings = [item.heading for item in found]
    assert "Conduct rules > Chapter 8 Client money > 8.2 Segregation > 8.2.2" in headings
    long = [item for item in found if item.heading.endswith("8.3 Reconciliation > 8.3.1")]
    assert len(long) > 3  # what continues a long provision still says which one it is
    assert "(b) those of the bank." in long[0].text
    for item in found:
        assert item.text.count("A firm must keep") <= 1


def test_a_text_without_numbered_provisions_is_not_taken_for_one() -> None:
    assert provisions(prose(30)) is None
    assert provisions("1. First\n2. Second\n3. Third\n") is None
    assert provisions("Version 3.2 came.\n\n2.1 is older.\n\n1.0 was first.\n\n0.9 beta.") is None


def test_a_wrapped_line_that_begins_with_a_number_stays_in_its_provision() -> None:
    body = (
        "1.1 A firm must do what is said in the chapters that follow this one, in rule\n"
        "1.3 above all, and nothing else.\n\n1.2 Next.\n\n1.3 Last of them.\n"
    )
    found = provisions(body)
    assert found is not None
    assert [block.title for block in found] == ["1.1", "1.2", "1.3"]


@pytest.mark.parametrize("mark", ["Article {}", "§ {}", "Rule 4.{}", "**Section {}**"])
def test_provisions_have_many_forms(mark: str) -> None:
    body = "\n\n".join(f"{mark.format(n)} {prose(9)}" for n in range(1, 5))
    found = cut(body, "provisions", tokens=100)
    labels = [mark.format(n).strip("*") for n in range(1, 5)]
    assert [item.heading for item in found] == labels


def test_a_delimited_table_repeats_its_header() -> None:
    rows = "\n".join(f"{n};card {n};{n * 10} euros" for n in range(200))
    found = cut(f"id;name;fee\n{rows}\n", "table")
    assert len(found) > 5
    assert all(item.text.startswith("id;name;fee\n") for item in found)
    assert table("A sentence, with a comma.\nAnother line\n") is None


def test_code_is_cut_at_definitions_and_named_by_them() -> None:
    body = PYTHON.format(body="        x = call(a, b)\n" * 6)
    found = cut(body, "code", tokens=70)
    headings = [item.heading for item in found]
    assert {"read", "Reader > open", "Reader > close"} <= set(headings)
    (read,) = (item for item in found if item.heading == "read")
    assert read.text.startswith("@cached\ndef read(path):")
    assert "class Reader" not in read.text


def test_a_dialogue_is_cut_between_turns_and_a_question_stays_with_its_answer() -> None:
    turns = "\n".join(
        f"Ada: {prose(2)} Is {n} right?\nBrian (desk): {prose(3)} Yes {n}." for n in range(12)
    )
    found = cut(turns, "dialogue", tokens=120)
    assert len(found) > 3
    for item in found:
        assert item.text.startswith("Ada: ")
        assert not item.text.rstrip().endswith("?")
    assert dialogue("Note: one.\nName: two.\nDate: three.\nNote: four.\n") is None
    assert dialogue(prose(40)) is None


def test_fixed_cuts_wherever_the_budget_ends() -> None:
    found = cut(prose(12, words=40), "fixed", tokens=25, least=0)
    assert len(found) > 15
    assert any(not item.text.endswith(".") for item in found)


def test_chunks_carry_the_page_they_begin_on() -> None:
    pages = [f"# Page {n}\n\n{prose(12)}" for n in range(1, 6)]
    found = cut(f"\n{PAGE_BREAK}".join(pages), "structure", tokens=130, page=1)
    assert [item.page for item in found] == [1, 2, 3, 4, 5]
    assert {item.page for item in cut(pages[0], "structure")} == {0}


def test_pages_go_on_in_the_next_part_of_a_long_document() -> None:
    pages = 300
    body = PAGE_BREAK.join(f"Page {n}. " + prose(60) for n in range(1, pages + 1))
    fed = DocumentFed(op="upsert", tenant="t", doc_id="a.pdf", doc_type="pdf", body=body)
    parts = list(ingest(fed, Place(0, 0, keyed=True), config=IngestConfig(), converter=Documents()))
    assert len(parts) > 1
    last = [
        item
        for made in chunk(parts[-1], counter=Words(), policy=chunking_policy(Settings()))
        for item in made.chunks
    ][-1]
    assert last.page == pages


def everything(found: list[Chunk]) -> str:
    return "".join("".join(item.text.split()) for item in found)


@pytest.mark.parametrize("name", [*STRATEGIES])
@pytest.mark.parametrize("seed", range(12))
def test_no_strategy_loses_or_doubles_text_or_breaks_the_budget(name: str, seed: int) -> None:
    rng = random.Random(seed)
    lines = ["8.1.2 Some rule", "Ada: hello there?", "def run(a):", "    x = 1;", "}", "# Title"]
    lines += ["- item", "a;b;c", "", "", "\f", "| a | b |", "Article 5", prose(3), "class A {"]
    body = "\n".join(rng.choices(lines, k=60))
    found = cut(body, name, tokens=40)
    repeated = name == "table"  # its header
    assert repeated or everything(found) == "".join(body.split())
    for item in found:
        assert Words().count([item.text])[0] <= item.tokens <= 40 or repeated
        assert all(0 <= start < end <= len(item.text) for start, end in pairs(item))
    assert found == cut(body, name, tokens=40)


@pytest.mark.parametrize("name", [*STRATEGIES])
@pytest.mark.parametrize(
    "body",
    [
        "word " * 100_000,
        "x" * 500_000,
        "1.1.1 " * 50_000,
        "Ada: " * 50_000,
        "8.2.1 Rule.\n" * 20_000,
        "def f(x):\n" * 20_000,
        "  " * 200_000,
        "a(" * 100_000,
        "# // @ " * 40_000,
        "a;b;c\n" * 40_000,
    ],
    ids=[
        "line",
        "blob",
        "number",
        "speaker",
        "rules",
        "functions",
        "blank",
        "calls",
        "marks",
        "csv",
    ],
)
def test_strategies_take_linear_time(name: str, body: str) -> None:
    started = time.process_time()
    STRATEGIES[name].blocks(body)
    assert time.process_time() - started < 5


def test_the_shipped_policy_names_a_strategy_for_every_type_of_document() -> None:
    policy = chunking_policy(Settings())
    for kind in ["markdown", "text", "html", "pdf", "docx", "pptx", "xlsx", "csv", "json", "code"]:
        assert kind in policy.types, kind
    assert "fixed" not in {name for config in policy.types.values() for name in config.strategies}
    assert policy.of("anything else") == policy.other
    assert len(policy.of("code").hash) == 12


def test_a_changed_type_changes_its_own_hash_only() -> None:
    said = policies.read("chunking.yaml")
    before = parse(said, 254)
    said["types"]["code"]["max_tokens"] = 100
    said["version"] = "another"
    after = parse(said, 254)
    changed_types = {t for t in before.types if before.of(t).hash != after.of(t).hash}
    assert changed_types == {"code"}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"strategy": ["prose"]}, "'strategy' is not known; did you mean 'strategies'"),
        ({"strategies": ["prosa"]}, r"'strategies\[0\]' is 'prosa'; it must be one of structure"),
        ({"strategies": "prose"}, "'strategies' is 'prose'; it must be a list"),
        ({"strategies": []}, "'strategies' is .*; it must be a list with something in it"),
        ({"types": {"pdf": {"max_token": 3}}}, "'types.pdf.max_token' is not known"),
        ({"types": {"pdf": {"version": "1"}}}, "'types.pdf.version' is not known"),
        ({"types": {"pdf": {"max_tokens": 300}}}, "'types.pdf.max_tokens' is 300, but the model"),
        ({"max_tokens": "many"}, "'max_tokens' is 'many'; it must be a whole number, 16 or more"),
        ({"max_tokens": True}, "'max_tokens' is True; it must be a whole number"),
        ({"min_tokens": 250}, "'min_tokens' is 250; it must be no more than max_tokens, 200"),
        ({"types": ["pdf"]}, "'types' is .*; it must be a mapping"),
        ({"types": {"pdf": None}}, "'types.pdf' is None; it must be a mapping"),
    ],
)
def test_a_wrong_policy_is_refused_by_name(said: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(said, 254)


def test_without_a_strategy_that_takes_it_a_text_is_read_by_sentences() -> None:
    text = prose(5)
    assert blocks_of(text, ["table", "dialogue"]) == blocks_of(text, ["prose"])


def _wide(columns: int, rows: int, words: int = 5) -> str:
    names = [f"column {n} " + "name " * words for n in range(columns)]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * columns]
    lines += [f"| {' | '.join(f'v{r}x{c}' for c in range(columns))} |" for r in range(rows)]
    return "\n".join(lines)


@pytest.mark.parametrize(("columns", "rows"), [(12, 30), (40, 9), (200, 2)])
def test_no_row_of_a_wide_table_stands_without_the_names_of_its_values(
    columns: int, rows: int
) -> None:
    body = f"# Accounts\n\nBefore it.\n\n{_wide(columns, rows)}\n\nAfter \\| it."
    found = cut(body, "structure", tokens=120)
    said = set[tuple[str, str]]()
    for item in found:
        assert Words().count([item.text])[0] <= item.tokens <= 120
        names: list[str] = []
        for start, end in pairs(item):
            sentence = item.text[start:end]
            if not sentence.startswith("|"):
                continue
            cells = [cell.strip() for cell in sentence.splitlines()[0].strip("|").split("|")]
            if "---" in sentence:
                names = cells
                continue
            assert len(names) == len(cells) and cells[0].endswith("x0")
            said |= {(name.split()[1], cell) for name, cell in zip(names, cells, strict=True)}
    assert said == {(str(c), f"v{r}x{c}") for r in range(rows) for c in range(columns)}
    assert "Before it." in found[0].text and found[-1].text.endswith("After \\| it.")
    assert {item.heading for item in found} == {"Accounts"}


def test_a_wide_table_that_fits_one_chunk_stays_as_it_is() -> None:
    body = _wide(12, 1)
    (only,) = cut(body, "structure", tokens=200)
    assert only.text == body


@pytest.mark.parametrize("columns", [1, 2])
def test_a_table_whose_first_row_is_long_keeps_all_its_text(columns: int) -> None:
    """Layout tables, questions with their answers, files without a header."""
    rows = [
        [" ".join(f"r{row}c{column}w{n}" for n in range(60)) for column in range(columns)]
        for row in range(3)
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    body = "\n".join([lines[0], "|" + " --- |" * columns, *lines[1:]])
    found = cut(body, "structure", tokens=100)
    said = " ".join(item.text for item in found).split()
    assert all(said.count(word) == 1 for row in rows for cell in row for word in cell.split())


def test_cells_of_a_wide_table_keep_their_line_separators_and_escaped_pipes() -> None:
    names, rule, *_ = _wide(12, 0).splitlines()
    cell = "one\u2028two\x0bthree\x85four"
    parted = f"| {' | '.join([cell, *'abcdefghijk'])} |"
    unfenced = " | ".join([*"lmnopqrstuv", r"ends in \|"])
    found = cut("\n".join([names, rule, parted, unfenced]), "structure", tokens=120)
    assert len(found) > 1
    for item in found:
        assert item.text.count(f"| {cell} |") == item.text.count("| column 0 ") > 0
    assert r"| ends in \| |" in found[-1].text


def test_pages_are_right_below_a_wide_table() -> None:
    found = cut(f"{_wide(30, 20)}\n\f\n{prose(20)}\n\f\n{_wide(30, 20)}", "structure", page=1)
    assert [item.page for item in found] == sorted(item.page for item in found)
    assert {item.page: "Some" in item.text for item in found} == {1: False, 2: True, 3: False}
