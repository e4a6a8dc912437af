import random
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from processors.documents.chunk import CHUNKS_PER_RECORD, ORDINALS_PER_PART, chunk, context_of
from processors.documents.chunking import ChunkingConfig, ChunkingPolicy
from processors.documents.packing import CHARS_PER_TOKEN
from processors.text.sentences import split_sentences
from schemas.events import Chunk, DocumentChanged, DocumentChunked
from tests.support.index_events import document

CONFIG = ChunkingConfig()
SMALL = ChunkingConfig(max_tokens=30, min_tokens=8, window=250)


def policy(config: ChunkingConfig) -> ChunkingPolicy:
    """Markdown by its structure, all else by sentences, both with these numbers."""
    return ChunkingPolicy("v1", {"markdown": config}, replace(config, strategies=("prose",)))


class Words:
    """Counts words and marks, as a word-piece tokenizer does with common words."""

    calls = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        self.calls += 1
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def changed(body: str, **fields: object) -> DocumentChanged:
    """`part` and `page` are of the event, other `fields` of the document."""
    own = {name: fields.pop(name) for name in ("part", "page") if name in fields}
    known = {"doc_type": "markdown", "title": "Handbook"} | fields
    return DocumentChanged(document=document("a/b.md", **known), body=body, **own)  # type: ignore[arg-type]


def records(body: str, config: ChunkingConfig = CONFIG, **fields: object) -> list[DocumentChunked]:
    return list(chunk(changed(body, **fields), counter=Words(), policy=policy(config)))


def chunks(body: str, config: ChunkingConfig = CONFIG, **fields: object) -> list[Chunk]:
    return [item for record in records(body, config, **fields) for item in record.chunks]


def prose(sentences: int, words: int = 9) -> str:
    return " ".join("Some " + "word " * (words - 2) + f"end{i}." for i in range(sentences))


def test_a_short_document_is_one_chunk() -> None:
    body = "# Fees\n\nA transfer costs 2 euros.\n\n## Waivers\n\nNone.\n"
    (only,) = chunks(body)
    assert only.text == body.strip()
    assert only.heading == "Fees"
    assert [only.text[s:e] for s, e in pairs(only)] == [
        "# Fees",
        "A transfer costs 2 euros.",
        "## Waivers",
        "None.",
    ]


def pairs(item: Chunk) -> list[tuple[int, int]]:
    return list(zip(item.sentences[::2], item.sentences[1::2], strict=True))


def test_chunks_follow_headings_and_carry_their_path() -> None:
    body = "\n\n".join(
        f"{'#' * level} {name}\n\n{prose(6)}"
        for level, name in ((1, "Top"), (2, "A"), (3, "Deep"), (2, "B"))
    )
    found = chunks(body, ChunkingConfig(max_tokens=80))
    assert [c.heading for c in found] == ["Top", "Top > A", "Top > A > Deep", "Top > B"]
    assert all(c.text.startswith("#") for c in found)


def test_small_siblings_are_merged_under_their_parent() -> None:
    body = f"# Top\n\n{prose(20)}\n\n" + "".join(f"## S{i}\n\nShort {i}.\n\n" for i in range(12))
    found = chunks(body)
    merged = [c for c in found if "## S" in c.text]
    assert all(c.heading == "Top" and c.tokens >= CONFIG.min_tokens for c in merged)
    assert len(merged) == 2


def test_a_heading_without_text_goes_with_what_follows() -> None:
    found = chunks(f"# Top\n\n## A\n\n{prose(19)}\n\n## B\n\n{prose(19)}")
    assert [c.heading for c in found] == ["Top > A", "Top > B"]
    assert found[0].text.startswith("# Top\n\n## A")


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraphs = [prose(5) for _ in range(9)]
    found = chunks("\n\n".join(paragraphs), doc_type="text")
    assert all(c.text.count("\n\n") >= 1 for c in found)
    assert "\n\n".join(c.text for c in found) == "\n\n".join(paragraphs)


def test_a_line_that_ends_in_a_colon_stays_with_its_list() -> None:
    items = "\n".join(f"- {prose(1)}" for _ in range(12))
    found = chunks(f"{prose(9)}\n\nThe steps are:\n\n{items}", ChunkingConfig(max_tokens=110))
    assert not any(c.text.endswith(":") for c in found)


def test_a_table_repeats_its_header_where_it_is_continued() -> None:
    rows = "\n".join(f"| product {i} | {i} euros |" for i in range(150))
    found = chunks(f"# Fees\n\n| Name | Fee |\n|---|---|\n{rows}\n")
    assert len(found) > 4
    for item in found[1:]:
        first, second = pairs(item)[:2]
        assert item.text[slice(*first)] == "| Name | Fee |\n|---|---|"
        assert re.fullmatch(r"\| product \d+ \| \d+ euros \|", item.text[slice(*second)])
        assert item.tokens <= CONFIG.max_tokens


def test_a_sentence_over_the_budget_is_cut_between_words() -> None:
    body = " ".join(f"word{i}" for i in range(1000))
    found = chunks(body)
    assert len(found) == 5
    assert " ".join(c.text for c in found) == body


def test_text_of_another_type_has_no_headings() -> None:
    for kind in ("text", "json", "code", ""):
        assert chunks("# not a heading\n\nBody.", doc_type=kind)[0].heading == ""


def test_a_delete_and_an_empty_body_are_one_last_record_without_chunks() -> None:
    for made in (records("x", op="delete"), records(""), records(" \r\n\n")):
        assert [(r.chunks, r.last) for r in made] == [([], True)]


def test_records_are_small_and_only_the_last_one_is_last() -> None:
    made = records("\n\n".join(prose(20) for _ in range(300)))
    assert len(made) > 3
    assert [r.last for r in made] == [False] * (len(made) - 1) + [True]
    for record in made:
        assert len(record.chunks) <= CHUNKS_PER_RECORD
        vectors = sum(1 + len(c.sentences) // 2 for c in record.chunks)
        assert sum(len(c.text.encode()) for c in record.chunks) + vectors * 768 < 420_000


def test_only_the_final_part_ends_a_version() -> None:
    first, second = (records(prose(60), part=n, parts=2) for n in (0, 1))
    assert not any(r.last for r in first)
    assert [r.last for r in second][-1] is True
    assert next(c.ordinal for r in first for c in r.chunks) == 0
    assert next(c.ordinal for r in second for c in r.chunks) == ORDINALS_PER_PART
    (blank,) = records("", part=0, parts=2)
    assert (blank.chunks, blank.last, blank.part_chunks) == ([], False, 0)
    assert [r.last for r in records("", part=1, parts=2)] == [True]


def test_ids_and_hashes_come_from_what_they_name() -> None:
    body = f"# Top\n\n{prose(30)}"
    one, same = chunks(body), chunks(body, version=4)
    assert one == same
    assert len({c.chunk_id for c in one}) == len(one)
    other = chunks(body, tenant="other")
    assert not {c.chunk_id for c in one} & {c.chunk_id for c in other}
    assert [c.text_hash for c in one] == [c.text_hash for c in other]
    renamed = chunks(body, title="Guide")
    assert not {c.text_hash for c in one} & {c.text_hash for c in renamed}


def test_the_configuration_has_a_hash() -> None:
    assert CONFIG.hash == ChunkingConfig().hash
    assert re.fullmatch(r"[0-9a-f]{12}", CONFIG.hash)
    assert len({CONFIG.hash, SMALL.hash, ChunkingConfig(("prose",)).hash}) == 3
    assert records("x")[0].chunking == CONFIG.hash


def test_context_names_what_the_text_stands_under() -> None:
    assert context_of("Fees", "Fees > Waivers") == "Fees > Waivers"
    assert context_of("Handbook", "Fees > Waivers") == "Handbook > Fees > Waivers"
    assert context_of("", "") == ""
    assert context_of("Fees", "") == context_of("Fees", "fees") == "Fees"
    long = context_of("t" * 500, " > ".join(f"heading {i}" for i in range(100)))
    assert len(long) <= 210
    assert long.endswith("heading 99")


def test_a_long_context_leaves_less_room_for_text() -> None:
    heading = "# " + "w " * 60
    for item in chunks(f"{heading}\n\n{prose(100)}"):
        context = Words().count([context_of("Handbook", item.heading)])[0]
        assert context > CONFIG.window - CONFIG.max_tokens
        assert item.tokens + context <= CONFIG.window


def random_document(rng: random.Random) -> str:
    def sentence() -> str:
        words = rng.randrange(1, 60 if rng.random() < 0.1 else 12)
        return " ".join(rng.choice(["Alpha", "beta", "8.2.1", "x-1"]) for _ in range(words)) + "."

    def block() -> str:
        kind = rng.randrange(8)
        if kind == 0:
            return "#" * rng.randrange(1, 7) + " " + sentence()
        if kind == 1:
            return "\n".join(f"- {sentence()}" for _ in range(rng.randrange(1, 9)))
        if kind == 2:
            rows = "\n".join(f"| {sentence()} | {i} |" for i in range(rng.randrange(9)))
            return f"| A | B |\n|---|---|\n{rows}"
        if kind == 3:
            lines = "\n".join(sentence() for _ in range(rng.randrange(6)))
            return f"```\n{lines}\n" + "```" * (rng.random() < 0.9)
        if kind == 4:
            return rng.choice(["---", "\0\x07", "***", "> " + sentence(), "Title\n====="])
        return " ".join(sentence() for _ in range(rng.randrange(1, 9)))

    gap = rng.choice(["\n\n", "\n", "\r\n\r\n"])
    return gap.join(block() for _ in range(rng.randrange(1, 25)))


@pytest.mark.parametrize("seed", range(150))
def test_any_document_is_cut_within_budget_and_without_loss(seed: int) -> None:
    rng = random.Random(seed)
    body = random_document(rng)
    kind = rng.choice(["markdown", "text"])
    config = rng.choice([SMALL, ChunkingConfig(max_tokens=60, min_tokens=20)])
    counter = Words()
    found = [
        c
        for record in chunk(changed(body, doc_type=kind), counter=counter, policy=policy(config))
        for c in record.chunks
    ]
    assert counter.calls <= 3
    assert found == chunks(body, config, doc_type=kind)
    assert [c.ordinal for c in found] == list(range(len(found)))

    covered = set[int]()
    ends = set[int]()
    at = 0
    for item in found:
        assert Words().count([item.text])[0] <= item.tokens <= config.max_tokens
        flat = item.sentences
        assert all(a < b for a, b in pairs(item))
        assert all(a <= b for a, b in pairwise([0, *flat, len(item.text)]))
        visible = "".join(item.text.split())
        assert visible == "".join("".join(item.text[s:e].split()) for s, e in pairs(item))
        text = item.text
        if body.find(text, at) < 0:  # a continued table: its first sentence is the header
            text = text[flat[2] :]
        at = body.index(text, at)
        covered.update(range(at, at + len(text)))
        ends.add(at + len(text))
        at += len(text)
    assert {i for i, character in enumerate(body) if not character.isspace()} <= covered

    for start, end in split_sentences(body, markdown=kind == "markdown"):
        cut = any(start < place < end for place in ends)
        tokens = Words().count([body[start:end]])[0]
        room = config.max_tokens // 2  # beside a repeated header
        assert not cut or tokens > room or end - start > room * CHARS_PER_TOKEN


@pytest.mark.parametrize(
    "body",
    [
        "word " * 200_000,
        "x" * 1_000_000,
        "".join(f"## H{i}\n\nText {i}.\n" for i in range(10_000)),
        "".join(f"{'#' * (i % 6 + 1)} Heading {i}\n" for i in range(10_000)),
        "```\n" + "line\n" * 50_000,
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20_000,
        "".join(" " * (i % 50) + "- item\n" for i in range(20_000)),
    ],
    ids=["line", "blob", "headings", "nesting", "fence", "table", "list"],
)
def test_large_and_odd_documents_take_reasonable_time(body: str) -> None:
    started = time.process_time()
    found = chunks(body)
    assert time.process_time() - started < 8
    assert all(len(c.text) <= CONFIG.max_tokens * CHARS_PER_TOKEN * 1.5 for c in found)
    assert found
