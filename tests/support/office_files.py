"""Real documents, made in the test that needs them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import docx
import openpyxl
import pptx
from docx.document import Document
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    ListFlowable,
    ListItem,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

LIMITS = [["Card", "Daily limit", "Fee"], ["Gold", "5,000", "10.00"], ["Blue", "1,000", "0.00"]]


def pdf(pages: Sequence[Sequence[Any]], footer: str = "", **options: Any) -> bytes:
    """A PDF of pages of flowables."""
    file = io.BytesIO()

    def foot(canvas: Any, document: Any) -> None:
        if footer:
            canvas.setFont("Helvetica", 8)
            canvas.drawString(60, 30, f"{footer}, page {document.page}")

    story: list[Any] = [part for page in pages for part in (*page, PageBreak())][:-1]
    SimpleDocTemplate(file, invariant=1, **options).build(
        story, onFirstPage=foot, onLaterPages=foot
    )
    return file.getvalue()


def pdf_page(number: int) -> list[Any]:
    """Two headings, prose, a list, numbered paragraphs and a table."""
    styles = getSampleStyleSheet()
    body = styles["BodyText"]
    items: list[Any] = [ListItem(Paragraph(text, body)) for text in ("first item", "second item")]
    return [
        Paragraph(f"{number} Limits", styles["Heading1"]),
        Paragraph(f"{number}.1 Daily limits", styles["Heading2"]),
        Paragraph("The daily limit of a transfer is 5,000 euros unless agreed. " * 4, body),
        ListFlowable(items, bulletType="bullet"),
        Paragraph(f"{number}.1.1 A firm must notify the regulator.", body),
        Paragraph(f"{number}.1.2 A firm must keep records.", body),
        Spacer(1, 12),
        Table(LIMITS, style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black)]),
        Spacer(1, 12),
        Paragraph("Text after the table ends the page. " * 3, body),
    ]


def saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


LEGAL = f"""
<w:abstractNum {nsdecls("w")} w:abstractNumId="90">
  <w:lvl w:ilvl="0"><w:start w:val="8"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1"/></w:lvl>
  <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/>
    <w:lvlText w:val="%1.%2"/></w:lvl>
  <w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>
    <w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum>"""


def number(paragraph: Any, level: int, number_id: int = 90) -> None:
    """Give a paragraph Word's automatic number."""
    xml = (
        f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="{number_id}"/></w:numPr>'
    )
    paragraph._p.get_or_add_pPr().append(parse_xml(xml))


def word() -> Document:
    """A document with headings, automatic numbers, lists, a table and two pages."""
    document = docx.Document()
    numbering = document.part.numbering_part.element
    numbering.insert(0, parse_xml(LEGAL))
    numbering.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>')
    )
    document.add_heading("Conduct of business", 0)
    number(document.add_heading("Notifications", 1), 0)
    number(document.add_paragraph("A firm must notify the regulator of:"), 1)
    number(document.add_paragraph("any breach;"), 2)
    number(document.add_paragraph("any loss."), 2)
    number(document.add_paragraph("Records are kept for six years."), 1)
    document.add_paragraph("first", style="List Bullet")
    document.add_paragraph("second", style="List Bullet")
    table = document.add_table(rows=3, cols=3)
    for row, texts in zip(table.rows, LIMITS, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("The first page ends here.").add_run().add_break(WD_BREAK.PAGE)
    number(document.add_heading("Complaints", 1), 0)
    document.add_paragraph("شكوى العملاء والشكاوى 投诉处理")
    return document


def deck() -> Any:
    """Two slides: an outline with a table, and notes."""
    presentation: Any = pptx.Presentation()
    layout = presentation.slide_layouts[1]
    slide = presentation.slides.add_slide(layout)
    slide.shapes.title.text = "Limits"
    frame = slide.placeholders[1].text_frame
    frame.text = "Daily"
    inner = frame.add_paragraph()
    inner.text, inner.level = "per card", 1
    shape = slide.shapes.add_table(3, 3, 0, 0, 3_000_000, 1_000_000)
    for i, texts in enumerate(LIMITS):
        for j, text in enumerate(texts):
            shape.table.cell(i, j).text = text
    second = presentation.slides.add_slide(layout)
    second.shapes.title.text = "Complaints"
    second.notes_slide.notes_text_frame.text = "Say it slowly."
    return presentation


def workbook(fill: Callable[[Any], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    return saved(book)
