"""What office files and forms hold beside their paragraphs is read, or counted as not read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import docx
import pptx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from openpyxl.comments import Comment
from PIL import Image
from pptx.opc.package import Part as SlidePart
from pptx.opc.packuri import PackURI as SlideURI
from reportlab.pdfgen.canvas import Canvas

from connectors.converters.documents import Documents
from tests.support.office_files import saved, workbook

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = f'xmlns:w="{W}" xmlns:m="{M}"'


def _word(*blocks: str) -> Any:
    """A document of these elements."""
    document = docx.Document()
    for at, block in enumerate(blocks):
        named = re.sub(r"^<[\w:]+", rf"\g<0> {NAMES}", block)
        document.element.body.insert(at, parse_xml(named))
    return document


def _run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def _row(*texts: str) -> str:
    cells = "".join(f"<w:tc><w:p>{_run(text)}</w:p></w:tc>" for text in texts)
    return f"<w:tr>{cells}</w:tr>"


def _controlled(content: str) -> str:
    return f"<w:sdt><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def test_rows_of_a_repeating_control_are_all_read(converter: Documents) -> None:
    items = "".join(_controlled(_row(name, f"{name} fee")) for name in ("one", "two", "three"))
    table = f"<w:tbl>{_row('Plan', 'Fee')}{_controlled(items)}{_row('last', 'none')}</w:tbl>"
    body = converter.convert("a.docx", saved(_word(table))).body
    assert body.splitlines()[2:] == [
        "| one | one fee |",
        "| two | two fee |",
        "| three | three fee |",
        "| last | none |",
    ]


def test_what_was_moved_is_read_where_it_is_now(converter: Documents) -> None:
    document = _word(
        f'<w:p><w:moveFrom w:id="1">{_run("Moved words.")}</w:moveFrom>{_run("First.")}</w:p>',
        f'<w:p><w:moveTo w:id="2">{_run("Moved words.")}</w:moveTo></w:p>',
        f'<w:moveTo w:id="3"><w:p>{_run("A moved block.")}</w:p></w:moveTo>',
    )
    body = converter.convert("a.docx", saved(document)).body
    assert body.split("\n\n") == ["First.", "Moved words.", "A moved block."]


def _t(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def _cells(*texts: str) -> str:
    return f"<m:mr>{''.join(f'<m:e>{_t(text)}</m:e>' for text in texts)}</m:mr>"


@pytest.mark.parametrize(
    ("formula", "reads"),
    [
        (_t("E=") + f"<m:sSup><m:e>{_t('mc')}</m:e><m:sup>{_t('2')}</m:sup></m:sSup>", "E=mc^2"),
        (
            f"<m:f><m:num>{_t('a+b')}</m:num><m:den>{_t('2')}</m:den></m:f>",
            "(a+b)/2",
        ),
        (f"<m:rad><m:deg/><m:e>{_t('x')}</m:e></m:rad>", "√(x)"),
        (
            f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{_t("i=1")}</m:sub>'
            f"<m:sup>{_t('n')}</m:sup><m:e>{_t('x')}</m:e></m:nary>",
            "∑_(i=1)^n x",
        ),
        (f"<m:d><m:e>{_t('x')}</m:e></m:d>", "(x)"),
        (f"<m:d><m:e><m:m>{_cells('1', '2')}{_cells('3', '4')}</m:m></m:e></m:d>", "(1, 2; 3, 4)"),
        (f"<m:eqArr><m:e>{_t('x=1')}</m:e><m:e>{_t('y=2')}</m:e></m:eqArr>", "x=1; y=2"),
        (f"<m:func><m:fName>{_t('sin')}</m:fName><m:e>{_t('x')}</m:e></m:func>", "sin x"),
        (f"<m:limLow><m:e>{_t('lim')}</m:e><m:lim>{_t('n→∞')}</m:lim></m:limLow>", "lim n→∞"),
    ],
    ids=[
        "power",
        "fraction",
        "root",
        "sum",
        "brackets",
        "matrix",
        "equations",
        "function",
        "limit",
    ],
)
def test_equations_are_read_in_their_place(converter: Documents, formula: str, reads: str) -> None:
    paragraph = f"<w:p>{_run('It is ')}<m:oMath>{formula}</m:oMath>{_run('.')}</w:p>"
    body = converter.convert("a.docx", saved(_word(paragraph))).body
    assert body == f"It is {reads}."


def _notes(document: Any, kind: str, text: str) -> None:
    xml = f'<w:{kind}s {NAMES}><w:{kind} w:id="2"><w:p>{_run(text)}</w:p></w:{kind}></w:{kind}s>'
    content = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}s+xml"
    part = Part(PackURI(f"/word/{kind}s.xml"), content, xml.encode(), document.part.package)
    document.part.relate_to(part, f"{RELATIONS}/{kind}s")


def test_endnotes_are_told_from_footnotes(converter: Documents) -> None:
    references = "".join(
        f'<w:r><w:{kind}Reference w:id="2"/></w:r>' for kind in ("footnote", "endnote")
    )
    document = _word(f"<w:p>{_run('A claim.')}{references}</w:p>")
    _notes(document, "footnote", "At the foot.")
    _notes(document, "endnote", "At the end.")
    body = converter.convert("a.docx", saved(document)).body
    assert body.split("\n\n") == ["A claim.[^2][^e2]", "[^2]: At the foot.", "[^e2]: At the end."]


def test_headers_and_footers_are_said_once_without_page_numbers(converter: Documents) -> None:
    document = _word(f"<w:p>{_run('The text.')}</w:p>")
    section = document.sections[0]
    section.different_first_page_header_footer = True
    section.header.paragraphs[0].text = "Policy POL-123"
    section.first_page_header.paragraphs[0].text = "Policy POL-123"
    section.footer.paragraphs[0].text = "Owner: Legal"
    number = section.footer.add_paragraph("Page ")
    number._p.append(parse_xml(f'<w:fldSimple {NAMES} w:instr=" PAGE ">{_run("3")}</w:fldSimple>'))
    body = converter.convert("a.docx", saved(document)).body
    assert body.split("\n\n") == ["Policy POL-123", "The text.", "Owner: Legal"]


def test_a_text_box_in_a_header_is_said_once_and_its_lines_stay_apart(
    converter: Documents,
) -> None:
    lines = "".join(f"<w:p>{_run(text)}</w:p>" for text in ("12 High Street", "London"))
    box = f"<w:txbxContent>{lines}</w:txbxContent>"
    compatible = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    header = parse_xml(
        f'<w:p {NAMES} xmlns:mc="{compatible}">{_run("ACME Ltd")}<w:r><mc:AlternateContent>'
        f'<mc:Choice Requires="wps"><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>'
        f"{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    document = _word(f"<w:p>{_run('The text.')}</w:p>")
    document.sections[0].header._element.append(header)
    body = converter.convert("a.docx", saved(document)).body
    assert body.split("\n\n") == ["ACME Ltd 12 High Street London", "The text."]


def _picture() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (60, 60)).save(file, "png")
    file.seek(0)
    return file


DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def _frame(slide: Any, relation: str) -> None:
    slide.shapes._spTree.append(
        parse_xml(
            f'<p:graphicFrame xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
            f'xmlns:a="{DRAWING}" xmlns:r="{RELATIONS}"><p:nvGraphicFramePr><p:cNvPr id="77" '
            f'name="Frame"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm>'
            f'<a:off x="0" y="0"/><a:ext cx="100" cy="100"/></p:xfrm><a:graphic><a:graphicData '
            f'uri="{DIAGRAM}"><d:relIds xmlns:d="{DIAGRAM}" r:dm="{relation}"/>'
            f"</a:graphicData></a:graphic></p:graphicFrame>"
        )
    )


def test_diagrams_are_read_and_placed_pictures_counted(converter: Documents) -> None:
    deck: Any = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[8])
    first.shapes.title.text = "Teams"
    first.placeholders[1].insert_picture(_picture())
    point = "<d:pt><d:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></d:t></d:pt>"
    xml = f'<d:dataModel xmlns:d="{DIAGRAM}" xmlns:a="{DRAWING}"><d:ptLst>'
    xml += f"{point.format('Sales')}{point.format('Legal')}</d:ptLst></d:dataModel>"
    part = SlidePart(
        SlideURI("/ppt/diagrams/data1.xml"),
        "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml",
        deck.part.package,
        xml.encode(),
    )
    _frame(first, first.part.relate_to(part, f"{RELATIONS}/diagramData"))
    _frame(deck.slides.add_slide(deck.slide_layouts[6]), "rId99")
    made = converter.convert("a.pptx", saved(deck))
    assert made.body.split("\f")[0].strip() == "# Teams\n\n- Sales\n- Legal"
    assert made.metadata["unread"] == "1 picture not read; 1 embedded object not read"


def test_cells_merged_down_are_said_in_each_row_and_comments_counted(
    converter: Documents,
) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (
            ["Region", "City", "Fee"],
            ["North", "Oslo", 1],
            [None, "Bergen", 2],
            ["South", "Rome", 3],
            [None, None, None],
            ["AA", "BB", "CC"],
        ):
            sheet.append(row)
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("A4:A5")  # over an empty row, which stays one
        sheet["A2"].comment = Comment("Only until 2026", "x")

    made = converter.convert("a.xlsx", workbook(fill))
    lines = made.body.splitlines()
    assert lines[4:7] == ["| North | Oslo | 1 |", "| North | Bergen | 2 |", "| South | Rome | 3 |"]
    assert lines[8] == "| AA | BB | CC |"
    assert made.metadata["unread"] == "1 cell comment not read"


@pytest.mark.parametrize(
    ("rows", "merged", "reads"),
    [
        (
            [["Fees of 2024"], [None, "draft"], ["Plan", "Fee"], ["Gold", 3]],
            "A1:A2",
            ["Fees of 2024", "", "draft", "", "| Plan | Fee |", "| --- | --- |", "| Gold | 3 |"],
        ),
        (
            [["Name", "Score"], [None, "Art"], ["Ada", 3]],
            "A1:A2",
            ["| Name | Score |", "| --- | --- |", "|  | Art |", "| Ada | 3 |"],
        ),
        (
            [["Scores"], ["Name", "Score"], [None, "Art"], ["Ada", 3]],
            "A2:A3",
            ["Scores", "", "| Name | Score |", "| --- | --- |", "|  | Art |", "| Ada | 3 |"],
        ),
    ],
    ids=["title", "header", "header below a title"],
)
def test_a_title_or_a_header_that_is_merged_down_is_said_once(
    converter: Documents, rows: list[list[Any]], merged: str, reads: list[str]
) -> None:
    def fill(book: Any) -> None:
        for row in rows:
            book.active.append(row)
        book.active.merge_cells(merged)

    assert converter.convert("a.xlsx", workbook(fill)).body.splitlines()[2:] == reads


def _form(draw: Callable[[Canvas], None]) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_the_values_of_a_form_are_read_behind_their_labels(converter: Documents) -> None:
    def draw(canvas: Canvas) -> None:
        form: Any = canvas.acroForm
        canvas.drawString(60, 700, "Application for an account.")
        canvas.drawString(60, 655, "Name:")
        form.textfield(name="n", value="Jane Doe", x=100, y=650, width=200, height=20)
        form.textfield(name="e", value="", x=100, y=620, width=200, height=20)
        form.checkbox(name="yes", checked=True, x=100, y=600)
        form.checkbox(name="no", checked=False, x=100, y=570)
        form.choice(name="p", value="Gold", options=["Gold"], x=100, y=500, width=90, height=20)
        canvas.drawString(60, 420, "Signed by the customer.")

    made = converter.convert("a.pdf", _form(draw))
    assert made.body.split("\n\n") == [
        "Application for an account.",
        "Name: Jane Doe",
        "Gold",
        "Signed by the customer.",
    ]
    assert made.metadata["unread"] == "1 ticked box not read"


def test_each_value_of_a_line_stands_behind_its_own_label(converter: Documents) -> None:
    def draw(canvas: Canvas) -> None:
        form: Any = canvas.acroForm
        for x, label, value in ((50, "First name:", "Ada"), (350, "Last:", "Lovelace")):
            canvas.drawString(x, 700, label)
            form.textfield(name=label, value=value, x=x + 80, y=695, width=200, height=20)

    assert converter.convert("a.pdf", _form(draw)).body == "First name: Ada Last: Lovelace"


def test_the_value_of_a_password_field_is_left_out(converter: Documents) -> None:
    def draw(canvas: Canvas) -> None:
        form: Any = canvas.acroForm
        canvas.drawString(60, 655, "Password:")
        form.textfield(name="p", value="x1y2", x=150, y=650, width=90, fieldFlags="password")

    assert converter.convert("a.pdf", _form(draw)).body == "Password:"


def test_a_page_of_nothing_but_fields_is_read(converter: Documents) -> None:
    def draw(canvas: Canvas) -> None:
        form: Any = canvas.acroForm
        form.textfield(name="n", value="Jane Doe", x=100, y=650, width=200, height=20)

    assert converter.convert("a.pdf", _form(draw)).body == "Jane Doe"
