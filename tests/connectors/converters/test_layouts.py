"""Pages as they are really set: columns, right-to-left lines, pictures, scans."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.drawing.image import Image as Picture
from PIL import Image
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, PageBreak, Paragraph, Spacer, Table

from connectors.converters.bidi import as_read
from connectors.converters.documents import Documents
from connectors.converters.errors import Unreadable
from tests.support.office_files import pdf, workbook
from tests.support.pdf_bytes import Placed, pdf_of

GLYPH = 7.2  # points, of 12-point letters
HEBREW = "הגבול היומי של כרטיס זהב הוא 900 אירו."
HEBREW_SEEN = ".וריא 900 אוה בהז סיטרכ לש ימויה לובגה"
ARABIC = "الحد اليومي للبطاقة الذهبية هو 900 يورو."
ARABIC_SEEN = ".وروي 900 وه ةيبهذلا ةقاطبلل يمويلا دحلا"

# Other lines, so that their gaps do not stand one above the other as those of columns do.
HEBREW_NEXT = "הבנק גובה עמלה של 7 אחוזים ממשיכה."
ARABIC_NEXT = "يفرض البنك رسوما قدرها 7 بالمئة على السحب."


def _in_one(y: float, seen: str) -> list[Placed]:
    return [(540 - GLYPH * len(seen), y, seen)]


def _by_words(y: float, seen: str) -> list[Placed]:
    """The words of a line, drawn one by one from the right."""
    found: list[Placed] = []
    right = 540.0
    for word in reversed(seen.split(" ")):
        found.append((right - GLYPH * len(word), y, word))
        right -= GLYPH * (len(word) + 1)
    return found


def _by_letters(y: float, seen: str) -> list[Placed]:
    left = 540 - GLYPH * len(seen)
    found = [(left + GLYPH * at, y, letter) for at, letter in enumerate(seen) if letter != " "]
    return found[::-1]


@pytest.mark.parametrize("drawn", [_in_one, _by_words, _by_letters])
@pytest.mark.parametrize(
    ("read", "seen", "following"),
    [(HEBREW, HEBREW_SEEN, HEBREW_NEXT), (ARABIC, ARABIC_SEEN, ARABIC_NEXT)],
    ids=["Hebrew", "Arabic"],
)
def test_right_to_left_lines_are_read_as_one_reads_them(
    converter: Documents, drawn: Any, read: str, seen: str, following: str
) -> None:
    rows = [*drawn(700, seen), *drawn(684, following[::-1])]
    body = converter.convert("a.pdf", pdf_of([[*rows, (60, 600, "An English line stays.")]])).body
    assert body.split("\n\n") == [f"{read} {following}", "An English line stays."]


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("הלמע 12.50 הבוג Tarnbeck Bank קנבה", "הבנק Tarnbeck Bank גובה 12.50 עמלה"),
        ("12,5% :הלמע", "עמלה: 12,5%"),
        ("2.1.8 ףיעס", "סעיף 2.1.8"),
        ("(הקסע) הלמע", "עמלה (עסקה)"),
        ("The word םולש means peace", "The word שלום means peace"),
        ("٩٠٠ دحلا", "الحد ٩٠٠"),
        ("\ufee1\ufefc\ufeb3", "سلام"),  # in the forms that letters have at their places
        ("Nothing of it. 12", "Nothing of it. 12"),
    ],
)
def test_numbers_and_foreign_words_in_a_line_keep_their_order(seen: str, read: str) -> None:
    assert as_read(seen) == read


def _columns(across: bool) -> bytes:
    """Two columns under a heading, drawn one after the other or line by line across the page."""
    left = [f"left {n:02} speaks of limits and" for n in range(20)]
    right = [f"right {n:02} speaks of fees and" for n in range(20)]
    sides = [
        [(x, 700 - 14 * n, text) for n, text in enumerate(side)]
        for x, side in ((50, left), (310, right))
    ]
    groups = zip(*sides, strict=True) if across else sides
    rows = [run for group in groups for run in group]
    return pdf_of([[(50, 760, "A heading over both columns of this page."), *rows]])


@pytest.mark.parametrize("across", [False, True])
def test_columns_are_read_one_after_the_other(converter: Documents, across: bool) -> None:
    body = " ".join(converter.convert("a.pdf", _columns(across)).body.split())
    numbers = [word for word in body.split() if word.isdigit()]
    assert numbers == [f"{n:02}" for n in (*range(20), *range(20))]
    assert body.index("over both columns") < body.index("left 00")
    assert body.index("left 19") < body.index("right 00")


ROWS = [[f"Item {n}", f"{n * 3} euros", f"{n} months"] for n in range(1, 80)]
HEADER = ["Product", "Fee", "Term"]
GRID = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]


def _table_pages(story: list[Any]) -> list[list[str]]:
    with Documents() as converter:
        body = converter.convert("a.pdf", pdf([story], footer="Fees and terms")).body
    return [page.strip().splitlines() for page in body.split("\f")]


@pytest.mark.parametrize("repeated", [0, 1])
def test_a_table_over_several_pages_has_its_header_on_each(repeated: int) -> None:
    title = Paragraph("Fees", getSampleStyleSheet()["Heading1"])
    pages = _table_pages([title, LongTable([HEADER, *ROWS], repeatRows=repeated, style=GRID)])
    assert len(pages) == 3
    rows: list[str] = []
    for page in pages:
        at = page.index("| Product | Fee | Term |")
        assert page[at + 1] == "| --- | --- | --- |"
        rows += [line for line in page[at + 2 :] if line.startswith("|")]
    assert rows == [f"| {' | '.join(row)} |" for row in ROWS]
    assert pages[1][2].startswith("| Item 3")  # and stays on its page


def test_a_table_goes_on_with_the_name_of_a_group_of_rows() -> None:
    rows = [HEADER, *ROWS]
    rows[38] = ["Savings", "", ""]
    _, page, _ = _table_pages([LongTable(rows, style=GRID)])
    assert page[0] == "| Product | Fee | Term |"
    assert page[2:4] == ["| Savings |  |  |", "| Item 39 | 117 euros | 39 months |"]


def test_a_heading_above_a_table_without_rules_is_no_part_of_it() -> None:
    title = Paragraph("Fees", getSampleStyleSheet()["Heading1"])
    with Documents() as converter:
        body = converter.convert("a.pdf", pdf([[title, Table([HEADER, *ROWS[:30]])]])).body
    assert body.startswith("Fees\n\n| Product | Fee | Term |\n| --- |")


def test_a_table_that_only_follows_another_keeps_its_own_header() -> None:
    others = [["Place", "Rate"], ["Oslo", "3"], ["Bergen", "4"]]
    same_place = [["Account", "Charge", "Notice"], *ROWS[:3]]
    said = Paragraph("Charges of accounts are these.", getSampleStyleSheet()["BodyText"])
    for story, header in (
        ([Table(others, style=GRID)], "| Place | Rate |"),
        ([said, Table(same_place, style=GRID)], "| Account | Charge | Notice |"),
    ):
        first = LongTable([HEADER, *ROWS[:20]], style=GRID)
        _, page = _table_pages([first, PageBreak(), *story])
        assert next(line for line in page if line.startswith("|")) == header


PLACES = [["Country", "Capital", "Language"], ["Norway", "Oslo", "Norwegian"]]


@pytest.mark.parametrize(
    ("rows", "following"),
    [
        (36, PLACES),  # ends near the bottom of its page, but what follows has a header
        (36, [["Country", "2023", "2024"], ["Norway", "3 euros", "4 euros"]]),
        (9, ROWS[9:12]),  # ends in the middle of its page
    ],
)
def test_another_table_of_the_same_widths_is_not_taken_for_one_that_goes_on(
    rows: int, following: list[list[str]]
) -> None:
    first, second = (
        Table(said, colWidths=[120, 120, 120], style=GRID)
        for said in ([HEADER, *ROWS[:rows]], following)
    )
    page = _table_pages([first, PageBreak(), second])[-1]
    assert next(line for line in page if line.strip("| -")) == f"| {' | '.join(following[0])} |"


def test_captions_of_tables_are_no_running_heads(converter: Documents) -> None:
    body = getSampleStyleSheet()["BodyText"]
    captions = [f"Table {number}" for number in range(1, 6)]
    pages = [
        [Paragraph(caption, body), Spacer(1, 40), Paragraph("Fees are these.", body)]
        for caption in captions
    ]
    found = converter.convert("a.pdf", pdf(pages)).body.split("\f")
    assert [page.split()[:2] for page in found] == [caption.split() for caption in captions]


def _picture(seed: int) -> Any:
    return ImageReader(Image.new("RGB", (60, 60), (seed * 40, 99, 200)))


def _drawn(*pages: tuple[str, list[tuple[int, float, float, float]]]) -> bytes:
    """Pages of a text and pictures: which, where from the left and below, how large."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(595, 842), invariant=1)
    for text, pictures in pages:
        if text:
            canvas.drawString(72, 760, text)
        for which, x, y, size in pictures:
            canvas.drawImage(_picture(which), x, y, size, size)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


LOGO, CHART, ICON = (1, 500, 790, 40), (2, 72, 400, 200), (3, 50, 700, 12)


def test_pictures_in_a_pdf_are_counted_a_logo_once_and_icons_not(converter: Documents) -> None:
    data = _drawn(("One.", [LOGO, CHART]), ("Two.", [LOGO, ICON]), ("Three.", [LOGO]))
    assert converter.convert("a.pdf", data).metadata["unread"] == "2 pictures not read"


def test_a_scan_is_named_and_so_are_scanned_pages(converter: Documents) -> None:
    scan: tuple[str, list[tuple[int, float, float, float]]] = ("", [(4, 0, 0, 590)])
    with pytest.raises(Unreadable, match="none of 2 pages holds text, only pictures") as failure:
        converter.convert("a.pdf", _drawn(scan, scan))
    assert failure.value.outcome == "scanned"
    made = converter.convert("a.pdf", _drawn(("One.", []), scan, ("Three.", [])))
    assert made.metadata["unread"] == "1 page of pictures alone: 2"


def test_a_scan_that_was_recognised_is_read(converter: Documents) -> None:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(400, 400), invariant=1)
    canvas.drawImage(_picture(4), 0, 0, 400, 400)
    canvas.drawString(72, 300, "Recognised text.")
    canvas.save()
    made = converter.convert("a.pdf", file.getvalue())
    assert (made.body, made.metadata) == ("Recognised text.", {"pages": "1"})


def test_pictures_in_html_are_counted(converter: Documents) -> None:
    page = """<html><!-- <img src=a> --><script>"<img src=b>"</script><body><h1>Fees</h1>
    <img src="chart.png" alt="Fees by year"><IMG SRC=plan.png width="640"><img src=line.png alt="">
    <img src=pixel.gif width="1" height=1><img src=x role="presentation"><p>Text.</p>
    <noscript><img src=again.png></noscript><canvas id=c></canvas></body></html>"""
    made = converter.convert("a.html", page.encode())
    assert made.body == "# Fees\n\n[Picture: Fees by year]\n\nText."
    assert made.metadata["unread"] == "3 pictures not read"
    with pytest.raises(Unreadable, match="holds no text, only 1 picture") as failure:
        converter.convert("b.html", b"<body><img src=page.png></body>")
    assert failure.value.outcome == "scanned"


def test_html_without_pictures_says_nothing_of_them(converter: Documents) -> None:
    assert converter.convert("a.html", b"<p>Text.</p>").metadata == {}


def test_pictures_and_charts_in_a_workbook_are_counted(converter: Documents) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (["Card", "Limit"], ["Gold", 900], ["Blue", 300]):
            sheet.append(row)
        chart = BarChart()
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "D2")
        picture = io.BytesIO()
        Image.new("RGB", (60, 60)).save(picture, "png")
        sheet.add_image(Picture(picture), "D20")

    made = converter.convert("a.xlsx", workbook(fill))
    assert "| Gold | 900 |" in made.body
    assert made.metadata["unread"] == "1 chart not read; 1 picture not read"
