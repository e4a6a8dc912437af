"""Tables and lists of a PDF as they are drawn: rules make cells, numbers set apart make points."""

from __future__ import annotations

import io
from typing import Any

import pytest
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ListFlowable, ListItem, Paragraph, Table

from connectors.converters import pdf_rules
from connectors.converters.documents import Documents
from connectors.converters.pdf_tables import tables
from tests.support.office_files import pdf

BODY = getSampleStyleSheet()["BodyText"]
GRID = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)


def _body(converter: Documents, *flowables: Any) -> str:
    return converter.convert("a.pdf", pdf([list(flowables)])).body


def test_a_name_over_two_columns_is_said_with_each_and_one_over_two_rows_once(
    converter: Documents,
) -> None:
    rows = [
        ["Hall", "Winter", "", "Summer", ""],
        ["", "Seats", "Stands", "Seats", "Stands"],
        ["Aspen", "410", "33", "455", "41"],
        ["Linden", "280", "12", "290", "14"],
    ]
    spans = [("SPAN", (1, 0), (2, 0)), ("SPAN", (3, 0), (4, 0)), ("SPAN", (0, 0), (0, 1))]
    assert _body(converter, Table(rows, style=[GRID, *spans])).splitlines() == [
        "| Hall | Winter Seats | Winter Stands | Summer Seats | Summer Stands |",
        "| --- | --- | --- | --- | --- |",
        "| Aspen | 410 | 33 | 455 | 41 |",
        "| Linden | 280 | 12 | 290 | 14 |",
    ]


def test_a_cell_of_several_lines_is_one_and_a_name_of_several_rows_is_said_in_each(
    converter: Documents,
) -> None:
    long = "9 marks on working days, and 12 marks on Sundays and on all holidays of the district"
    rows = [
        ["Place", "Boat", "Toll"],
        ["Upper lock", "Tug", Paragraph(long, BODY)],
        ["", "Barge", "7 marks"],
        ["Lower lock", "Tug", "8 marks"],
    ]
    style = [GRID, ("SPAN", (0, 1), (0, 2))]
    body = _body(converter, Table(rows, colWidths=[80, 60, 150], style=style))
    assert body.splitlines()[2:] == [
        f"| Upper lock | Tug | {long} |",
        "| Upper lock | Barge | 7 marks |",
        "| Lower lock | Tug | 8 marks |",
    ]


def test_boxes_drawn_one_by_one_and_a_title_over_all_columns_make_the_same_table(
    converter: Documents,
) -> None:
    def drawn(canvas: Canvas) -> None:
        for row, cells in enumerate((("Tolls", ""), ("Boat", "Toll"), ("Tug", "9"), ("Raft", "4"))):
            for column, text in enumerate(cells):
                x, y = 100 + 80 * column, 700 - 20 * row
                canvas.rect(x, y, 160 if row == 0 else 80, 20)
                canvas.drawString(x + 4, y + 6, text)
                if row == 0:
                    break

    body = _drawn(converter, drawn)
    assert "| Boat | Toll |" in body
    assert "| Tug | 9 |" in body
    assert "Tolls" in body.partition("|")[0]


def test_a_frame_around_a_page_and_a_grid_without_text_are_no_tables(converter: Documents) -> None:
    def drawn(canvas: Canvas) -> None:
        canvas.rect(50, 50, 480, 700)
        canvas.grid([400, 420, 440], [100, 120, 140])
        canvas.drawString(100, 600, "The lock is closed in May.")

    assert _drawn(converter, drawn).strip() == "The lock is closed in May."


def _drawn(converter: Documents, draw: Any) -> str:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    draw(canvas)
    canvas.save()
    return converter.convert("a.pdf", file.getvalue()).body


def test_lines_whose_words_stand_below_each_other_are_no_table(converter: Documents) -> None:
    body = _body(
        converter,
        Paragraph("The toll of tugs is 25<super>1</super> marks a day.", BODY),
        Paragraph("The weight of all is 10<super>6</super> marks a ton.", BODY),
        Paragraph("<super>1</super> Plus tax.", BODY),
    )
    assert "|" not in body
    assert "25[^1] marks" in body
    assert "10^6 marks" in body


def test_columns_that_are_no_farther_apart_than_words_are_none() -> None:
    def row(texts: str, gap: float, y: float) -> dict[str, Any]:
        x, cells = 70.0, list[dict[str, Any]]()
        for text in texts:
            cells.append({"text": text, "bbox": (x, y, 40.0, 10.0)})
            x += 40.0 + gap
        return {"cells": cells}

    def found(gap: float) -> list[Any]:
        rows = [row("abc", gap, 710.0), row("def", gap, 690.0)]
        return tables([{"bbox": (70.0, 690.0, 140.0, 30.0), "col_count": 3, "rows": rows}])

    assert found(2.8) == []
    assert len(found(12.0)) == 1
    assert len(found(0.0)) == 1  # cells between rules


@pytest.mark.parametrize(("kind", "marks"), [("1", "123"), ("a", "abc"), ("I", ["I", "II", "III"])])
def test_points_whose_numbers_are_set_apart_are_a_list(
    converter: Documents, kind: str, marks: str | list[str]
) -> None:
    texts = [
        "Drain the boiler.",
        "Unscrew the lid, which is heavy and hot, so that two should hold it, and lay it on the "
        "bench beside the window where it can cool for an hour or two.",
        "Fill it with water.",
    ]
    points: list[Any] = [ListItem(Paragraph(text, BODY)) for text in texts]
    body = _body(
        converter,
        Paragraph("To clean the boiler:", BODY),
        ListFlowable(points, bulletType=kind),
        Paragraph("It takes 3 hours.", BODY),
    )
    listed = "\n".join(f"{mark}. {text}" for mark, text in zip(marks, texts, strict=True))
    assert body == f"To clean the boiler:\n\n{listed}\n\nIt takes 3 hours."


def test_figures_before_words_that_do_not_count_are_no_points(converter: Documents) -> None:
    rows = [["4", "Tug boats of the upper lock"], ["9", "Barges of the lower lock"]]
    assert "4. Tug" not in _body(converter, Table(rows))


def test_rows_of_a_small_table_without_rules_are_lines_of_their_own(converter: Documents) -> None:
    rows = [["Boat", "Toll"], ["Tug", "9 marks"], ["Raft", "4 marks"]]
    heading = Paragraph("Tolls", getSampleStyleSheet()["Title"])
    said = [line for line in _body(converter, heading, Table(rows)).splitlines() if "marks" in line]
    assert ["9 marks" in line for line in said] == [True, False]
    assert ["4 marks" in line for line in said] == [False, True]


def test_rules_that_meet_like_stairs_are_each_held_once_against_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A map has thousands: what grew with their third power took minutes of a page."""
    held, crosses = 0, pdf_rules._cross

    def counted(*rules: Any) -> bool:
        nonlocal held
        held += 1
        return crosses(*rules)

    monkeypatch.setattr(pdf_rules, "_cross", counted)
    steps = 200

    def line(x: float, y: float, right: float, top: float) -> dict[str, Any]:
        ends = [{"op": "move_to", "x": x, "y": y}, {"op": "line_to", "x": right, "y": top}]
        return {"operations": ends, "stroke_color": (0, 0, 0)}

    paths = [line(i * 10, -i * 10, i * 10 + 10, -i * 10) for i in range(steps)]
    paths += [line(i * 10 + 10, -i * 10, i * 10 + 10, -i * 10 - 10) for i in range(steps)]
    assert len(pdf_rules.ruled(paths, [])) <= 1
    assert 0 < held <= 2 * steps**2


def test_letters_of_a_size_beyond_all_counting_cost_no_document(converter: Documents) -> None:
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.drawString(72, 700, "The ferry leaves at nine")
    huge = "9" * 38
    drawn: list[str] = vars(canvas)["_code"]
    drawn.append(f"BT /F1 {huge} Tf {huge} 0 0 {huge} 0 0 Tm (big) Tj ET")
    canvas.save()
    assert "The ferry leaves at nine" in converter.convert("a.pdf", file.getvalue()).body
