"""An invented paper in the formats that people have, written by libraries that are not ours."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable
from typing import Any

import docx
import openpyxl
import pptx
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import ListFlowable, ListItem, Paragraph, SimpleDocTemplate, Table

from tests.support.invented import Paper, Thing
from tests.support.office_files import saved


def _table(paper: Paper) -> list[list[str]]:
    head = ["Product", *(column.capitalize() for column in paper.columns)]
    rows = [[t.name, *(t.facts.get(c, "") for c in paper.columns)] for t in paper.things]
    return [head, *rows]


def _sentences(thing: Thing) -> str:
    said = [f"The {name} of the {thing.name} is {value}." for name, value in thing.facts.items()]
    return " ".join(said) or f"Of the {thing.name} nothing is fixed yet."


def _points(thing: Thing) -> list[str]:
    return [f"{name.capitalize()}: {value}" for name, value in thing.facts.items()] or ["Open"]


def _rest(paper: Paper) -> list[tuple[str, list[str], str]]:
    """Headings with what is below them: numbered, marked, or plain."""
    action, name, steps = paper.doing
    thing, papers = paper.bringing
    return [
        (f"How to {action} the {name}", [f"{step}." for step in steps], "numbered"),
        (f"Documents needed for the {thing}", papers, "marked"),
        *((f"Article {n}", [text], "plain") for n, text in enumerate(paper.articles, 1)),
    ]


def markdown(paper: Paper) -> bytes:
    lines = [f"# {paper.title}", ""]
    if paper.layout == "table":
        head, *rows = _table(paper)
        lines += [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    for thing in paper.things if paper.layout != "table" else []:
        lines += ["", f"## {thing.name}", ""]
        points = [f"- {point}" for point in _points(thing)]
        lines += points if paper.layout == "points" else [_sentences(thing)]
    for heading, texts, sort in _rest(paper):
        lines += ["", f"## {heading}", ""]
        marks = {"numbered": "{}. ", "marked": "- ", "plain": ""}[sort]
        lines += [marks.format(n) + text for n, text in enumerate(texts, 1)]
    return "\n".join(lines).encode()


def web(paper: Paper) -> bytes:
    e = html.escape
    parts = [f"<title>{e(paper.title)}</title><h1>{e(paper.title)}</h1>"]
    if paper.layout == "table":
        head, *rows = _table(paper)
        body = "".join(f"<tr>{''.join(f'<td>{e(c)}</td>' for c in row)}</tr>" for row in rows)
        parts.append(f"<table><tr>{''.join(f'<th>{e(c)}</th>' for c in head)}</tr>{body}</table>")
    for thing in paper.things if paper.layout != "table" else []:
        parts.append(f"<h2>{e(thing.name)}</h2>")
        points = "".join(f"<li>{e(point)}</li>" for point in _points(thing))
        parts.append(
            f"<ul>{points}</ul>" if paper.layout == "points" else f"<p>{e(_sentences(thing))}</p>"
        )
    for heading, texts, sort in _rest(paper):
        tag = {"numbered": "ol", "marked": "ul", "plain": "div"}[sort]
        inner = "p" if sort == "plain" else "li"
        below = "".join(f"<{inner}>{e(text)}</{inner}>" for text in texts)
        parts.append(f"<h2>{e(heading)}</h2><{tag}>{below}</{tag}>")
    return "".join(parts).encode()


def word(paper: Paper) -> bytes:
    document = docx.Document()
    document.add_heading(paper.title, 0)
    if paper.layout == "table":
        found = _table(paper)
        table = document.add_table(rows=len(found), cols=len(found[0]))
        for row, texts in zip(table.rows, found, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    for thing in paper.things if paper.layout != "table" else []:
        document.add_heading(thing.name, 1)
        if paper.layout == "points":
            for point in _points(thing):
                document.add_paragraph(point, style="List Bullet")
        else:
            document.add_paragraph(_sentences(thing))
    for heading, texts, sort in _rest(paper):
        document.add_heading(heading, 1)
        styles = {"numbered": "List Number", "marked": "List Bullet", "plain": None}
        for text in texts:
            document.add_paragraph(text, style=styles[sort])
    return saved(document)


def pdf(paper: Paper) -> bytes:
    sheet = getSampleStyleSheet()
    body = sheet["BodyText"]
    story: list[Any] = [Paragraph(paper.title, sheet["Title"])]

    def listed(texts: list[str], mark: str) -> ListFlowable:
        items: list[Any] = [ListItem(Paragraph(t, body)) for t in texts]
        return ListFlowable(items, bulletType=mark)

    if paper.layout == "table":
        story.append(Table(_table(paper), style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black)]))
    for thing in paper.things if paper.layout != "table" else []:
        story.append(Paragraph(thing.name, sheet["Heading2"]))
        points = paper.layout == "points"
        story.append(
            listed(_points(thing), "bullet") if points else Paragraph(_sentences(thing), body)
        )
    for heading, texts, sort in _rest(paper):
        story.append(Paragraph(heading, sheet["Heading2"]))
        if sort == "plain":
            story += [Paragraph(text, body) for text in texts]
        else:
            story.append(listed(texts, "1" if sort == "numbered" else "bullet"))
    file = io.BytesIO()
    SimpleDocTemplate(file, invariant=1, title=paper.title).build(story)
    return file.getvalue()


def slides(paper: Paper) -> bytes:
    deck: Any = pptx.Presentation()

    def slide(title: str, texts: list[str]) -> None:
        made = deck.slides.add_slide(deck.slide_layouts[1])
        made.shapes.title.text = title
        frame = made.placeholders[1].text_frame
        frame.text = texts[0]
        for text in texts[1:]:
            frame.add_paragraph().text = text

    slide(paper.title, ["Overview"])
    for thing in paper.things:
        slide(thing.name, _points(thing))
    for heading, texts, sort in _rest(paper):
        slide(
            heading, [f"{n}. {t}" for n, t in enumerate(texts, 1)] if sort == "numbered" else texts
        )
    return saved(deck)


def workbook(paper: Paper) -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Products"
    for row in _table(paper):
        sheet.append(row)
    for heading, texts, _ in _rest(paper):
        other: Any = book.create_sheet(heading[:31])
        other.append([heading])
        for text in texts:
            other.append([text])
    return saved(book)


def values(paper: Paper) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(_table(paper))
    return file.getvalue().encode()


def records(paper: Paper) -> bytes:
    found = [{"product": t.name, **t.facts} for t in paper.things]
    return json.dumps({"title": paper.title, "products": found}, indent=1).encode()


# The last two hold the things alone.
WRITERS: dict[str, Callable[[Paper], bytes]] = {
    "md": markdown,
    "html": web,
    "docx": word,
    "pdf": pdf,
    "pptx": slides,
    "xlsx": workbook,
    "csv": values,
    "json": records,
}
THINGS_ALONE = frozenset({"csv", "json"})
