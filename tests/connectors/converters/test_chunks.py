"""Converted documents through the chunker: exact quotes, pages, headings, headers of tables."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.converters.documents import Documents
from processors.documents.chunk import chunk
from processors.documents.chunking import ChunkingConfig, ChunkingPolicy
from processors.documents.ingest import IngestConfig, Place, ingest
from schemas.events import Chunk, DocumentChanged, DocumentFed
from tests.support.fakes import BagOfWords
from tests.support.office_files import pdf, pdf_page, saved, word

POLICY = ChunkingPolicy(other=ChunkingConfig(max_tokens=60, min_tokens=10))


def _chunks(
    converter: Documents, name: str, data: bytes
) -> Iterator[tuple[DocumentChanged, Chunk]]:
    made = converter.convert(name, data)
    fed = DocumentFed(
        op="upsert",
        tenant="acme",
        doc_id=name,
        doc_type=made.doc_type,
        title=made.title,
        body=made.body,
        metadata=dict(made.metadata),
        form="converted",
    )
    place = Place(0, 1, keyed=True)
    for change in ingest(fed, place, config=IngestConfig(), converter=converter):
        for record in chunk(change, counter=BagOfWords(), policy=POLICY):
            for each in record.chunks:
                yield change, each


def test_a_chunk_of_a_pdf_is_an_exact_quote_whose_page_can_be_told(converter: Documents) -> None:
    data = pdf([pdf_page(number) for number in range(1, 6)])
    pages: dict[str, set[int]] = {}
    at = 0
    for change, each in _chunks(converter, "limits.pdf", data):
        if each.text not in change.body:  # a table that goes on, its header in front
            assert each.text.startswith("| Card")
            continue
        at = change.body.index(each.text, at)
        page = change.body.count("\f", 0, at) + 1
        pages.setdefault(each.heading.partition(" ")[0], set()).add(page)
    assert pages["3"] == {3} and pages["5"] == {5}


def test_a_chunk_of_a_word_document_carries_its_headings(converter: Documents) -> None:
    found = [each for _, each in _chunks(converter, "a.docx", saved(word()))]
    (notified,) = [each for each in found if "(a) any breach" in each.text]
    assert "8 Notifications" in notified.heading or "# 8 Notifications" in notified.text


def test_each_chunk_of_a_table_in_several_parts_has_its_header(converter: Documents) -> None:
    rows = "".join(f"{n},name {n},{n * 2}\n" for n in range(30_000))
    seen = 0
    for _, each in _chunks(converter, "rows.csv", f"id,name,double\n{rows}".encode()):
        lines = each.text.splitlines()
        assert lines[:2] == ["| id | name | double |", "| --- | --- | --- |"]
        assert lines[2] == f"| {seen} | name {seen} | {seen * 2} |"
        seen += len(lines) - 2
    assert seen == 30_000
