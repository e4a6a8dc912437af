"""Text as a PDF stores it is put together again as it is read."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, Spacer, Table

from connectors.converters.documents import Documents
from connectors.converters.hyphens import Spellings
from tests.support.office_files import pdf

BODY = getSampleStyleSheet()["BodyText"]
SMALL = ParagraphStyle("small", parent=BODY, fontSize=7, leading=8)


def _body(converter: Documents, *pages: list[Any], **options: Any) -> str:
    return converter.convert("a.pdf", pdf(pages, **options)).body


def test_a_sentence_over_the_end_of_a_page_is_one_with_the_page_in_it(converter: Documents) -> None:
    first = [
        Paragraph("All boats pay in May.", BODY),
        Paragraph("The toll of large boats is", BODY),
    ]
    note = [Spacer(1, 300), Paragraph("<super>1</super> Each year anew.", SMALL)]
    second = [Paragraph("40 marks a day for each mast.", BODY), Paragraph("Nets are free.", BODY)]
    made = converter.convert("a.pdf", pdf([[*first, *note], second]))
    assert made.body.split("\n\n") == [
        "[^1]: Each year anew.",
        "All boats pay in May. The toll of large boats is\f40 marks a day for each mast. "
        "Nets are free.",
    ]
    assert made.metadata["pages"] == "2"


@pytest.mark.parametrize(
    ("ends", "begins"),
    [
        ("The toll of large boats is 40.", "marks are paid in May."),
        ("The toll of large boats", "Rules of the harbour"),
        ("The toll", "is paid in May."),
        ("The toll of large boats is", "1. Nets are free."),
    ],
)
def test_what_only_follows_on_the_next_page_is_a_paragraph_of_its_own(
    converter: Documents, ends: str, begins: str
) -> None:
    body = _body(converter, [Paragraph(ends, BODY)], [Paragraph(begins, BODY)])
    assert body == f"{ends}\n\f\n{begins}"


def test_numbers_of_pages_and_running_heads_of_a_short_document_are_left_out(
    converter: Documents,
) -> None:
    pages = [[Paragraph(f"Rule {word} of the harbour is kept.", BODY)] for word in ("one", "two")]
    body = _body(converter, *pages, footer="Handbook", pagesize=(400, 400))
    assert body.count("page 1") + body.count("page 2") <= 1
    lines = [line for line in body.splitlines() if line.strip("\f ")]
    assert lines[0].startswith("Rule one") and lines[-1].startswith("Rule two")


def test_words_that_a_line_divides_are_whole_as_the_text_spells_them() -> None:
    known = Spellings(["The harbour has short-notice berths.", "A registration is needed."])
    assert known.joined("A regis-", "tration is") == "A registration is"
    assert known.joined("A short-", "notice berth") == "A short-notice berth"
    assert known.joined("a long-", "term berth") == "a long-term berth"
    assert known.joined("Die Visa-", "Karte") == "Die Visa-Karte"
    assert known.joined("Ein-", "und Ausfahrt") == "Ein- und Ausfahrt"
    assert known.joined("har\u00ad", "bour") == "harbour"
    assert known.joined("of the har-", "bour in May", over="\f") == "of the harbour\fin May"


def test_raised_and_lowered_letters_of_a_pdf_stay_in_their_line(converter: Documents) -> None:
    text = "Rent is 25<super>1</super> marks for 10<super>4</super> nets and CO<sub>2</sub>."
    body = _body(converter, [Paragraph(text, BODY), Paragraph("<super>1</super> In May.", BODY)])
    assert body == "Rent is 25[^1] marks for 10^4 nets and CO2.\n\n[^1]: In May."


def test_white_letters_on_white_are_left_out_and_named_and_on_a_ground_they_are_read(
    converter: Documents,
) -> None:
    dark = [
        ("BACKGROUND", (0, 0), (-1, 0), colors.navy),
        ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
    ]
    grid = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)
    table = Table([["Net", "Toll"], ["Seine", "4"]], style=[*dark, grid])
    text = Paragraph("The toll is 9 marks. <font color='white'>Really 7.</font> Pay in May.", BODY)
    made = converter.convert("a.pdf", pdf([[text, table]]))
    assert "7" not in made.body and "Pay in May." in made.body
    assert "| Net | Toll |" in made.body
    assert made.metadata["unread"] == "text of the colour of its ground left out"


def test_a_table_of_contents_of_a_pdf_is_no_text(converter: Documents) -> None:
    lines = ["Contents", "Tolls of boats 2", "Nets and lines 2", "Rent of berths ........ 3"]
    first = [part for line in lines for part in (Paragraph(line, BODY), Spacer(1, 9))]
    body = _body(converter, first, [Paragraph("The toll of a boat is 9.", BODY)])
    assert body.split() == ["Contents", *["The", "toll", "of", "a", "boat", "is", "9."]]


def test_words_that_a_comment_strikes_out_are_left_out_and_comments_counted(
    converter: Documents,
) -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.drawString(100, 700, "The toll is")
    canvas.drawString(170, 700, "8 marks")
    canvas.drawString(230, 700, "9 marks a day.")
    canvas.textAnnotation("Is this so?", Rect=[100, 600, 120, 620])
    canvas.showPage()
    canvas.save()
    with pikepdf.open(io.BytesIO(file.getvalue())) as pdf_file:
        struck = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.StrikeOut, Rect=[168, 697, 220, 711]
        )
        pdf_file.pages[0].Annots.append(pdf_file.make_indirect(struck))
        saved = io.BytesIO()
        pdf_file.save(saved)
    made = converter.convert("a.pdf", saved.getvalue())
    assert made.body == "The toll is 9 marks a day."
    assert made.metadata["unread"] == "struck text left out; 1 comment not read"


def test_a_line_that_begins_with_a_value_goes_on_its_sentence(converter: Documents) -> None:
    body = getSampleStyleSheet()["BodyText"]
    narrow = ParagraphStyle("narrow", body, rightIndent=300)
    said = "The smallest balance of the account for boats is 462.63 EUR. A toll is due."
    numbered = ["1. Boats pay at the quay", "2. Nets are free"]
    made = converter.convert(
        "quay.pdf", pdf([[Paragraph(said, narrow), *(Paragraph(t, body) for t in numbered)]])
    )
    lines = [line for line in made.body.splitlines() if line]
    assert lines[0] == said
    assert lines[1:] == numbered


def test_letters_that_a_line_strikes_are_left_out_and_underlined_ones_are_not(
    converter: Documents,
) -> None:
    made = converter.convert(
        "a.pdf",
        pdf([[Paragraph("Tugs pay <strike>30</strike> 40 <u>marks</u> a day.", BODY)]]),
    )
    assert made.body == "Tugs pay 40 marks a day."
    assert "struck text left out" in made.metadata["unread"]
