"""What cannot be read gets a named outcome, and the next document goes on."""

from __future__ import annotations

import io
import os
import signal
import sys
import zipfile
from typing import Any

import pikepdf
import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from connectors.converters.documents import Documents
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits
from tests.support.office_files import deck, pdf, pdf_page, saved, word, workbook

WORD = saved(word())
DECK = saved(deck())
BOOK = workbook(lambda book: book.active.append(["a", "b"]))
PDF = pdf([pdf_page(1), pdf_page(2)])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
HEAD = (
    b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
)
FOOT = b"</w:body></w:document>"


def _locked(**passwords: Any) -> bytes:
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(PDF)) as document:
        document.save(file, encryption=pikepdf.Encryption(**passwords))
    return file.getvalue()


def _repacked(entry: str, content: bytes, data: bytes = WORD) -> bytes:
    """A zipped document with one entry replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, content if name == entry else old.read(name))
    return file.getvalue()


def _blank_pdf() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.rect(10, 10, 50, 50)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _laughs() -> bytes:
    entities = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    doctype = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + entities + b"]>"
    return doctype + HEAD + b"<w:p><w:r><w:t>&j;</w:t></w:r></w:p>" + FOOT


def _children(converter: Documents) -> list[int]:
    """The processes that wait for documents."""
    return [each._child.pid for each in converter._sandboxes._idle if each._child is not None]


BAD = {
    "a locked PDF": ("a.pdf", _locked(user="u", owner="o"), "encrypted", "without a password"),
    "a locked Word document": (
        "a.docx",
        OLE + "EncryptedPackage".encode("utf-16-le"),
        "encrypted",
        "without a password",
    ),
    "an old Word document": ("a.docx", OLE, "unsupported", "older Office format"),
    "half a PDF's start": ("a.pdf", PDF[:300], "damaged", "is truncated"),
    "half a Word document": ("a.docx", WORD[: len(WORD) // 2], "damaged", "no whole"),
    "half a deck": ("a.pptx", DECK[: len(DECK) // 2], "damaged", "no whole"),
    "half a workbook": ("a.xlsx", BOOK[: len(BOOK) // 2], "damaged", "no whole"),
    "text called a PDF": ("a.pdf", b"hello", "damaged", "is no PDF"),
    "a deck called a workbook": ("a.xlsx", DECK, "damaged", "holds no xl/workbook.xml"),
    "broken XML in a Word document": (
        "a.docx",
        _repacked("word/document.xml", b"<w:document"),
        "damaged",
        "cannot be read as a Word document",
    ),
    "a bomb": (
        "a.docx",
        _repacked("word/document.xml", bytes(40_000_000)),
        "bomb",
        "times its size",
    ),
    "a billion laughs": ("a.docx", _repacked("word/document.xml", _laughs()), "damaged", "entity"),
    "an empty PDF file": ("a.pdf", b"", "empty", "is empty"),
    "a scanned PDF": ("a.pdf", _blank_pdf(), "empty", "none of 1 page holds text"),
    "an empty Word document": (
        "a.docx",
        _repacked("word/document.xml", HEAD + FOOT),
        "empty",
        "holds no text",
    ),
    "an empty workbook": ("a.xlsx", workbook(lambda book: None), "empty", "holds no text"),
    "an empty text": ("a.txt", b" \n", "empty", "holds no text"),
    "empty JSON": ("a.json", b'""', "empty", "holds no text"),
    "a page of scripts": ("a.html", b"<script>x()</script>", "empty", "holds no text"),
    "a page nested too deeply": ("a.html", b"<div>" * 100_000 + b"x", "damaged", "depth limit"),
    "bytes called text": ("a.txt", bytes(range(32)) * 20, "damaged", "control characters"),
    "text of no known encoding": (
        "a.txt",
        "הבנק נבנה בין הבנינים".encode("cp862"),
        "encoding",
        "not known: save it as UTF-8",
    ),
    "half a mark of UTF-16": ("a.csv", b"\xff\xfea\x00b", "damaged", "marked as utf-16-le"),
    "a picture": ("a.png", b"\x89PNG", "unsupported", "no reader for .png"),
    "an archive": ("a.zip", b"PK", "unsupported", "unpack it"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_the_next_goes_on(converter: Documents, name: str) -> None:
    file, data, outcome, said = BAD[name]
    with pytest.raises(Unreadable, match=said) as failure:
        converter.convert(file, data)
    assert failure.value.outcome == outcome
    assert converter.convert("good.docx", WORD).title == "Conduct of business"


def test_a_pdf_that_only_its_owner_may_change_is_read(converter: Documents) -> None:
    assert "# 1 Limits" in converter.convert("a.pdf", _locked(user="", owner="o")).body


def test_half_a_pdf_gives_what_it_still_holds_and_says_so(converter: Documents) -> None:
    whole = pdf([pdf_page(number) for number in range(1, 30)])
    try:
        made = converter.convert("a.pdf", whole[: len(whole) * 3 // 4])
    except Unreadable as failure:
        assert (failure.outcome, "truncated" in str(failure)) == ("damaged", True)
    else:
        assert "cut off at its end" in made.metadata["unread"]


def test_pages_without_text_are_named(converter: Documents) -> None:
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(PDF)) as document, pikepdf.open(io.BytesIO(_blank_pdf())) as scan:
        document.pages.insert(1, scan.pages[0])
        document.save(file)
    made = converter.convert("a.pdf", file.getvalue())
    assert made.metadata == {"pages": "3", "unread": "1 page without text: 2"}
    assert made.body.split("\f")[2].strip().startswith("# 2 Limits")


def test_a_pdf_of_500_pages_works(converter: Documents) -> None:
    body = getSampleStyleSheet()["BodyText"]
    data = pdf([[Paragraph(f"Paragraph of page {n}.", body)] for n in range(1, 501)])
    pages = converter.convert("long.pdf", data).body.split("\f")
    assert [page.strip() for page in pages] == [f"Paragraph of page {n}." for n in range(1, 501)]


def test_a_sheet_of_100_000_rows_works(converter: Documents) -> None:
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    row = b'<row><c t="inlineStr"><is><t>name %d</t></is></c><c><v>%d</v></c></row>'
    rows = b"".join(row % (n, n) for n in range(100_001))
    sheet = b'<worksheet xmlns="%s"><sheetData>%s</sheetData></worksheet>' % (space, rows)
    data = _repacked("xl/worksheets/sheet1.xml", sheet, BOOK)
    lines = converter.convert("long.xlsx", data).body.splitlines()
    assert lines[:5] == ["## Sheet", "", "|  |  |", "| --- | --- |", "| name 0 | 0 |"]
    assert lines[4:] == [f"| name {n} | {n} |" for n in range(100_001)]


def test_what_is_over_a_limit_is_named() -> None:
    with Documents(Limits(max_bytes=40_000, max_text_bytes=500, max_pages=1)) as converter:
        for file, data, said in (
            ("a.txt", b"x" * 50_000, "has 50,000 bytes; at most 40,000"),
            ("a.txt", b"x" * 501, "more than 500 bytes of text"),
            ("a.csv", b"a,b\n" * 200, "more than 500 bytes of text"),
            ("a.html", b"<p>hello hello</p>" * 100, "more than 500 bytes of text"),
            ("a.pdf", PDF, "has 2 pages; at most 1"),
        ):
            with pytest.raises(Unreadable, match=said) as failure:
                converter.convert(file, data)
            assert failure.value.outcome == "too_large"


def test_what_takes_too_long_is_ended_and_named() -> None:
    slow = _repacked("word/document.xml", HEAD + b"<w:p/>" * 3_000_000 + FOOT)
    by_processor = Limits(timeout_s=1, patience=300, max_ratio=1e9)
    by_clock = Limits(timeout_s=10, patience=0.01, max_ratio=1e9)
    for limits, said in ((by_processor, "more than 1 s"), (by_clock, r"longer than 0\.1 s")):
        with Documents(limits) as converter:
            with pytest.raises(Unreadable, match=said) as failure:
                converter.convert("a.docx", slow)
            assert failure.value.outcome == "timed_out"
            assert _children(converter) == []


def test_what_needs_too_much_memory_is_named_and_the_next_goes_on() -> None:
    paragraph = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
    heavy = _repacked("word/document.xml", HEAD + paragraph * 600_000 + FOOT)
    with Documents(Limits(memory_mb=128, max_ratio=1e9)) as converter:
        with pytest.raises(Unreadable, match="more than 128 MiB") as failure:
            converter.convert("a.docx", heavy)
        assert failure.value.outcome == "too_large"
        assert converter.convert("b.docx", WORD).title == "Conduct of business"


def test_a_converter_that_is_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Documents() as converter:
        converter.convert("a.docx", WORD)
        (child,) = _children(converter)
        os.kill(child, signal.SIGKILL)
        assert converter.convert("a.docx", WORD).title == "Conduct of business"
        # One that always dies costs its document, by name.
        monkeypatch.setattr(sys, "executable", "/bin/false")
        converter._sandboxes._idle[0].end()
        with pytest.raises(Unreadable, match="ended with status 1") as failure:
            converter.convert("a.docx", WORD)
        assert failure.value.outcome == "crashed"
        monkeypatch.undo()
        assert converter.convert("a.docx", WORD).title == "Conduct of business"


def test_no_process_is_started_for_plain_text() -> None:
    with Documents() as converter:
        converter.convert("a.md", b"# A")
        converter.convert("a.csv", b"a,b")
        assert _children(converter) == []
