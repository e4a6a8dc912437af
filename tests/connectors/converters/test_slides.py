"""Slides say what is seen of them."""

from __future__ import annotations

from typing import Any

import pptx

from connectors.converters.documents import Documents
from tests.support.office_files import saved


def _deck() -> tuple[Any, Any]:
    deck: Any = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Tolls"
    return deck, slide


def test_hidden_slides_and_struck_words_are_left_out_and_named(converter: Documents) -> None:
    deck, slide = _deck()
    paragraph = slide.shapes.add_textbox(0, 0, 9, 9).text_frame.paragraphs[0]
    for text, look in (("The toll is ", {}), ("8", {"strike": "sngStrike"}), ("9 marks", {})):
        run = paragraph.add_run()
        run.text = text
        for name, value in look.items():
            run._r.get_or_add_rPr().set(name, value)
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "Not yet decided"
    hidden._element.set("show", "0")
    made = converter.convert("a.pptx", saved(deck))
    assert made.body.split() == ["#", "Tolls", "The", "toll", "is", "9", "marks"]
    assert made.metadata["unread"] == "1 hidden slide left out; 1 place of struck text left out"
    assert made.metadata["pages"] == "2"


def test_raised_letters_and_tables_of_slides_are_read_as_they_are_set(converter: Documents) -> None:
    deck, slide = _deck()
    paragraph = slide.shapes.add_textbox(0, 0, 9, 9).text_frame.paragraphs[0]
    for text, shift in (("Up to 10", 0), ("3", 30000), (" boats of CO", 0), ("2", -25000)):
        run = paragraph.add_run()
        run.text = text
        run._r.get_or_add_rPr().set("baseline", str(shift))
    table = slide.shapes.add_table(3, 3, 0, 0, 9, 9).table
    for i, texts in enumerate((["Net", "Toll", ""], ["", "Old", "New"], ["Seine", "free", ""])):
        for j, text in enumerate(texts):
            table.cell(i, j).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 1).merge(table.cell(2, 2))
    body = converter.convert("a.pptx", saved(deck)).body
    assert "Up to 10^3 boats of CO2" in body
    assert "| Net | Toll Old | Toll New |" in body and "| Seine | free | free |" in body
