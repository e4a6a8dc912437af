"""Files say what a reader sees of them: no more, no less, and what is left out is named."""

from __future__ import annotations

from typing import Any

import docx
import pytest
from docx.enum.text import WD_COLOR_INDEX
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import RGBColor

from connectors.converters.documents import Documents
from tests.support.office_files import saved

W14 = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'


def _body(converter: Documents, document: Any) -> tuple[list[str], str]:
    made = converter.convert("a.docx", saved(document))
    return made.body.split("\n\n"), made.metadata.get("unread", "")


def _xml(document: Any, inner: str) -> None:
    xml = f"<w:p {nsdecls('w')} {W14}>{inner}</w:p>"
    document.element.body.insert(-1, parse_xml(xml))


def test_words_that_no_reader_of_a_word_document_sees_are_left_out_and_named(
    converter: Documents,
) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("The toll is ")
    paragraph.add_run("8").font.strike = True
    paragraph.add_run("9 marks")
    paragraph.add_run(" in secret").font.hidden = True
    paragraph.add_run(" (really 7)").font.color.rgb = RGBColor(255, 255, 255)
    marked = paragraph.add_run(" a day")
    marked.font.color.rgb = RGBColor(255, 255, 255)
    marked.font.highlight_color = WD_COLOR_INDEX.BLACK
    style: Any = document.styles.add_style("Old", 2)
    style.font.double_strike = True
    paragraph.add_run(" or so", style="Old")
    blocks, unread = _body(converter, document)
    assert blocks == ["The toll is 9 marks a day"]
    assert unread == ("2 places of struck text left out; 2 places of hidden text left out")


def test_tracked_changes_read_as_they_stand_and_comments_are_counted(converter: Documents) -> None:
    document = docx.Document()
    _xml(
        document,
        '<w:r><w:t xml:space="preserve">Open </w:t></w:r><w:del w:id="1" w:author="a"><w:r>'
        '<w:delText>daily</w:delText></w:r></w:del><w:ins w:id="2" w:author="a"><w:r>'
        "<w:t>on Mondays</w:t></w:r></w:ins>",
    )
    run = document.add_paragraph("Closed in May.").runs[0]
    document.add_comment(run, text="Is this so?", author="Ada")
    blocks, unread = _body(converter, document)
    assert blocks == ["Open on Mondays", "Closed in May."]
    assert unread == (
        "1 tracked deletion left out; 1 tracked insertion not yet accepted; 1 comment not read"
    )


def test_boxes_say_whether_they_are_ticked(converter: Documents) -> None:
    document = docx.Document()
    box = '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{}"/></w14:checkbox></w:sdtPr>'
    box += "<w:sdtContent><w:r><w:t>?</w:t></w:r></w:sdtContent></w:sdt>"
    field = '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:default w:val="{}"/>'
    field += '</w:checkBox></w:ffData></w:fldChar></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    for tick in (
        box.format(1),
        box.format(0),
        field.format(1),
        field.format(0),
        '<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>',
        '<w:r><w:sym w:font="Wingdings 2" w:char="F0A3"/></w:r>',
        '<w:r><w:sym w:font="Nobody knows" w:char="F041"/></w:r>',
    ):
        _xml(document, f'{tick}<w:r><w:t xml:space="preserve"> Heating</w:t></w:r>')
    blocks, unread = _body(converter, document)
    assert blocks == [*["☑ Heating", "☐ Heating"] * 3, "Heating"]
    assert unread == "1 symbol not read"


def test_a_table_of_contents_and_empty_fields_are_no_text(converter: Documents) -> None:
    document = docx.Document()
    _xml(
        document,
        '<w:pPr><w:pStyle w:val="TOC1"/></w:pPr><w:r><w:t>Rent of boats</w:t><w:tab/>'
        "<w:t>4</w:t></w:r>",
    )
    _xml(
        document,
        '<w:r><w:t>Rent of nets</w:t><w:tab/></w:r><w:fldSimple w:instr=" PAGEREF _Toc7 \\h ">'
        "<w:r><w:t>5</w:t></w:r></w:fldSimple>",
    )
    _xml(
        document,
        "<w:r><w:t>Name:</w:t></w:r><w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>"
        "<w:r><w:t>Click here to enter text.</w:t></w:r></w:sdtContent></w:sdt>",
    )
    document.add_heading("Rent of boats", 1)
    assert _body(converter, document)[0] == ["Name:", "# Rent of boats"]


def test_raised_letters_of_a_word_document_are_notes_or_powers(converter: Documents) -> None:
    document = docx.Document()
    for words, mark, rest in (
        ("It costs 40", "2", " marks."),
        ("", "2", " Or 50."),
        ("10", "9", "!"),
    ):
        paragraph = document.add_paragraph(words)
        paragraph.add_run(mark).font.superscript = True
        paragraph.add_run(rest)
    assert _body(converter, document)[0] == ["It costs 40[^2] marks.", "[^2]: Or 50.", "10^9!"]


def test_tables_of_a_word_document_have_the_header_that_they_say(converter: Documents) -> None:
    document = docx.Document()

    def add(*rows: list[str]) -> Any:
        table = document.add_table(rows=len(rows), cols=len(rows[0]))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        document.add_paragraph("-")
        return table

    beside = add(["Ada Berg", "chair"], ["Bo Dahl", "clerk"])
    for row in beside.rows:
        row.cells[0].paragraphs[0].runs[0].bold = True
    spanned = add(
        ["Shop", "Web", ""], ["", "Old", "New"], ["Oslo", "4", "5"], ["Note: no tax.", "", ""]
    )
    spanned.cell(0, 1).merge(spanned.cell(0, 2))
    spanned.cell(3, 0).merge(spanned.cell(3, 2))
    headed = add(["12 kg", "20 kg"], ["4", "5"])
    headed.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    struck = add(["Kind", "Cost"], ["Tea", "4"], ["Oil", "9"])
    gone = OxmlElement("w:del")
    gone.set(qn("w:id"), "3")
    struck.rows[1]._tr.get_or_add_trPr().append(gone)
    tables = [block for block in _body(converter, document)[0] if block != "-"]
    assert tables == [
        "|  |  |\n| --- | --- |\n| Ada Berg | chair |\n| Bo Dahl | clerk |",
        "| Shop | Web Old | Web New |\n| --- | --- | --- |\n| Oslo | 4 | 5 |",
        "Note: no tax.",
        "| 12 kg | 20 kg |\n| --- | --- |\n| 4 | 5 |",
        "| Kind | Cost |\n| --- | --- |\n| Oil | 9 |",
    ]


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (
            "<p>Rent <s>8</s> 9<sup>1</sup></p><p><sup>1</sup>In May.</p>",
            "Rent 9[^1]\n\n[^1]: In May.",
        ),
        ("<p>Open.</p><p hidden>Shut.</p><p style='visibility: hidden'>x</p>", "Open."),
        ("<style>.no{margin:0;display:none}</style><p>A.</p><div class='b no'>B.</div>", "A."),
        ("<p>A.<span style='color: #FFFFFF'>B.</span></p>", "A."),
        ("<div style='background:#000'><p style='color:white'>Seen.</p></div>", "Seen."),
        (
            "<dl><dt>Rent</dt><dd>9 marks</dd><dt>Deposit</dt><dd>40</dd></dl>",
            "- Rent: 9 marks\n- Deposit: 40",
        ),
        ("<p><input type=radio checked>Yes <input type=radio>No</p>", "☑ Yes ☐ No"),
        ("<p>Pay in <select><option>May<option selected>June</select></p>", "Pay in June"),
        (
            "<ul><li><a href='#a'>A</a><li><a href='#b'>B</a><li><a href='#c'>C</a></ul><h2>A</h2>",
            "## A",
        ),
        ("<p>a<!-- [if IE]> --> b</p>", "a b"),
    ],
)
def test_a_page_says_what_is_seen_of_it(converter: Documents, source: str, body: str) -> None:
    assert converter.convert("a.html", f"<html><body>{source}</body></html>".encode()).body == body


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (
            "<tr><th>Chair</th><td>Ada</td></tr><tr><th>Clerk</th><td>Bo</td></tr>",
            ["|  |  |", "| --- | --- |", "| Chair | Ada |", "| Clerk | Bo |"],
        ),
        (
            "<tr><th>Chair</th><td>Ada</td><th>Clerk</th><td>Bo</td></tr>",
            ["|  |  |", "| --- | --- |", "| Chair | Ada |", "| Clerk | Bo |"],
        ),
        (
            "<caption>Prices</caption><thead><tr><th rowspan=2>Kind<th colspan=2>Cost</tr>"
            "<tr><th>Shop<th>Web</tr></thead><tr><td rowspan=2>Tea<td colspan=2>4</tr>"
            "<tr><td>5<td><ul><li>6<li>7</ul></tr>",
            [
                "Prices",
                "",
                "| Kind | Cost Shop | Cost Web |",
                "| --- | --- | --- |",
                "| Tea | 4 | 4 |",
                "| Tea | 5 | 6; 7 |",
            ],
        ),
        (
            "<tr><td><h2>Left</h2></td><td><table><tr><td>Chair<td>1 key</table></td></tr>",
            ["## Left", "", "|  |  |", "| --- | --- |", "| Chair | 1 key |"],
        ),
    ],
)
def test_tables_of_a_page_are_read_by_their_header_cells_and_spans(
    converter: Documents, source: str, lines: list[str]
) -> None:
    page = f"<html><body><table>{source}</table></body></html>"
    assert converter.convert("a.html", page.encode()).body.splitlines() == lines


def test_what_is_left_out_of_a_page_is_named(converter: Documents) -> None:
    page = "<p>A <del>b</del></p><p hidden>c</p><!-- do not print --><iframe src=x></iframe>"
    made = converter.convert("a.html", f"<body>{page}</body>".encode())
    assert made.metadata["unread"] == (
        "1 place of struck text left out; 1 hidden part left out; 1 comment left out; "
        "1 embedded page or file not read"
    )


def test_rows_above_and_below_the_table_of_a_csv_are_no_rows_of_it(converter: Documents) -> None:
    data = (
        "Catch of May,\nBy,Ada Berg\n\nFish,Tons,Boats\nCod,4,2\nHake,9,3\nSource: the harbour.\n"
    )
    made = converter.convert("a.csv", data.encode())
    assert made.metadata == {}
    assert made.body.split("\n\n") == [
        "Catch of May",
        "|  |  |\n| --- | --- |\n| By | Ada Berg |",
        "| Fish | Tons | Boats |\n| --- | --- | --- |\n| Cod | 4 | 2 |\n| Hake | 9 | 3 |",
        "Source: the harbour.",
    ]


def test_a_draft_is_told_and_not_fed(converter: Documents) -> None:
    with pytest.raises(Exception, match="is a draft, as its front matter says"):
        converter.convert("a.md", b"---\ndraft: true\n---\n\nThe toll is 9.")
