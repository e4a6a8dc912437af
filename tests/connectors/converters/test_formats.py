"""Every type of document comes through with its headings, lists, tables, pages and numbers."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from connectors.converters.documents import Documents
from tests.support.office_files import deck, number, pdf, pdf_page, saved, word, workbook

TABLE = "| Card | Daily limit | Fee |\n| --- | --- | --- |\n| Gold | 5,000 | 10.00 |\n| Blue |"


def test_a_word_document_keeps_its_structure_and_its_automatic_numbers(
    converter: Documents,
) -> None:
    made = converter.convert("conduct.docx", saved(word()))
    assert (made.doc_type, made.title) == ("docx", "Conduct of business")
    first, second = made.body.split("\f")
    assert made.metadata["pages"] == "2"
    blocks = first.strip().split("\n\n")
    assert blocks[:7] == [
        "# Conduct of business",
        "# 8 Notifications",
        "8.1 A firm must notify the regulator of:",
        "(a) any breach;",
        "(b) any loss.",
        "8.2 Records are kept for six years.",
        "- first\n- second",
    ]
    assert blocks[7].startswith(TABLE)
    assert blocks[8] == "The first page ends here."
    assert second.strip() == "# 9 Complaints\n\nشكوى العملاء والشكاوى 投诉处理"


def test_a_word_table_says_merged_cells_in_each_row(converter: Documents) -> None:
    document = word()
    table = document.add_table(rows=3, cols=2)
    for i, texts in enumerate((("Region", "City"), ("North", "Oslo"), ("", "Bergen"))):
        for j, text in enumerate(texts):
            table.cell(i, j).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    body = converter.convert("a.docx", saved(document)).body
    assert "| North | Oslo |\n| North | Bergen |" in body


def test_a_word_list_begins_again_after_a_higher_number(converter: Documents) -> None:
    document = word()
    for level, text in ((1, "one"), (2, "x"), (1, "two"), (2, "y"), (0, "up"), (1, "three")):
        number(document.add_paragraph(text), level)
    body = converter.convert("a.docx", saved(document)).body
    numbered = ["9.1 one", "(a) x", "9.2 two", "(a) y", "10 up", "10.1 three"]
    assert body.endswith("\n\n".join(numbered))


def test_what_a_word_document_shows_and_nobody_can_read_is_named(converter: Documents) -> None:
    document = word()
    run = document.add_paragraph().add_run()
    drawing = run._r.makeelement(f"{{{run._r.nsmap['w']}}}drawing", {})
    run._r.append(drawing)
    made = converter.convert("a.docx", saved(document))
    assert made.metadata["unread"] == "1 picture not read"


def test_slides_are_pages(converter: Documents) -> None:
    made = converter.convert("deck.pptx", saved(deck()))
    assert (made.doc_type, made.title, made.metadata["pages"]) == ("pptx", "Limits", "2")
    first, second = made.body.split("\f")
    assert first.startswith("# Limits\n\n- Daily\n  - per card\n\n" + TABLE)
    assert second.strip() == "# Complaints\n\nNotes: Say it slowly."


def test_a_pdf_keeps_pages_headings_lists_numbers_and_tables(converter: Documents) -> None:
    data = pdf([pdf_page(number) for number in (1, 2)], pagesize=(595, 842))
    made = converter.convert("limits.pdf", data)
    assert (made.doc_type, made.title, made.metadata) == ("pdf", "1 Limits", {"pages": "2"})
    _, second = made.body.split("\f")
    blocks = second.strip().split("\n\n")
    assert blocks[:2] == ["# 2 Limits", "## 2.1 Daily limits"]
    assert blocks[2].count("The daily limit of a transfer is 5,000 euros unless agreed.") == 4
    assert blocks[3:6] == [
        "- first item\n- second item",
        "2.1.1 A firm must notify the regulator.",
        "2.1.2 A firm must keep records.",
    ]
    assert blocks[6].startswith(TABLE)
    assert blocks[7].startswith("Text after the table")


def test_a_pdf_says_its_running_feet_once_and_its_headings_always(converter: Documents) -> None:
    data = pdf([pdf_page(number) for number in range(1, 7)], footer="Handbook of limits")
    body = converter.convert("limits.pdf", data).body
    assert body.count("Handbook of limits") == 1
    assert [f"# {number} Limits" in body for number in range(1, 7)] == [True] * 6


def test_a_workbook_is_a_table_for_each_block_of_rows(converter: Documents) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.title = "Orders"
        sheet.append(["Orders of 2026"])
        sheet.append(["id", "amount", "rate", "due"])
        sheet.append([7, 1234.5, 0.05, datetime.date(2026, 1, 2)])
        sheet["B3"].number_format = "#,##0.00"
        sheet["C3"].number_format = "0%"
        sheet["A6"] = "Card"
        sheet["B6"] = "Limit | day"
        sheet["A7"] = "Gold"
        sheet["B7"] = True
        sheet["B9"] = "=A3+1"
        book.create_sheet("Empty")
        book.create_sheet("Notes")["A1"] = "One line"

    made = converter.convert("orders.xlsx", workbook(fill))
    assert made.body.split("\n\n") == [
        "## Orders",
        "Orders of 2026",
        "| id | amount | rate | due |\n| --- | --- | --- | --- |\n"
        "| 7 | 1,234.50 | 5% | 2026-01-02 |",
        "| Card | Limit \\| day |\n| --- | --- |\n| Gold | TRUE |",
        "## Notes",
        "One line",
    ]
    assert made.metadata["unread"].startswith("1 formula without a saved result")


def test_a_table_of_a_workbook_goes_on_after_an_empty_row(converter: Documents) -> None:
    def fill(book: Any) -> None:
        for row in (
            ["Prices of plans"],
            ["Plan", "Fee"],
            ["Gold", 10],
            [],
            ["Silver", 20],
            ["Bronze", 30],
            [],
            ["Card", "Limit"],  # names where the header above has names: a table of its own
            ["Blue", 300],
            [],
            ["Region", 2023, 2024],
            ["North", 5, 6],
            [],
            ["City", 2023, 2024],
            ["Oslo", 1, 2],
        ):
            book.active.append(row)

    blocks = converter.convert("a.xlsx", workbook(fill)).body.split("\n\n")[2:]
    assert [block.splitlines()[0] for block in blocks] == [
        "| Plan | Fee |",
        "| Card | Limit |",
        "| Region | 2023 | 2024 |",
        "| City | 2023 | 2024 |",
    ]
    assert blocks[0].splitlines()[2:] == ["| Gold | 10 |", "| Silver | 20 |", "| Bronze | 30 |"]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ([["Region", "Sales"], ["North", 1]], [["Quarter", "2023"], ["Q1", 5]]),
        ([["Product", "Price"], ["A", 1]], [["Country", 2023], ["DE", 5]]),
        ([["Invoice", "Date"], [1001, "2024-01-01"]], [["Total", 100], ["Tax", "5%"]]),
    ],
)
def test_a_table_below_an_empty_row_is_another_where_its_first_row_is_of_another_kind(
    converter: Documents, above: list[list[Any]], below: list[list[Any]]
) -> None:
    def fill(book: Any) -> None:
        for row in (*above, [], *below):
            book.active.append(row)

    _, *blocks = converter.convert("a.xlsx", workbook(fill)).body.split("\n\n")
    first = [block.removeprefix("|  |  |\n| --- | --- |\n").splitlines()[0] for block in blocks]
    assert first == [f"| {row[0]} | {row[1]} |" for row in (above[0], below[0])]


@pytest.mark.parametrize(
    "below", [[["Ada", 1912]], [["Ada", 1912], ["Eve", 1950]], [["Ada", 1912], ["Eve", 7]]]
)
@pytest.mark.parametrize("above", [1700, 1906])
def test_rows_with_numbers_that_may_be_years_go_on_with_their_table(
    converter: Documents, above: int, below: list[list[Any]]
) -> None:
    def fill(book: Any) -> None:
        for row in (["Name", "Number"], ["Grace", above], [], *below):
            book.active.append(row)

    header = above == 1700 and below[-1][1] == 7  # a year above what is none
    body = converter.convert("a.xlsx", workbook(fill)).body
    assert body.splitlines().count("| --- | --- |") == 1 + header


def test_html_keeps_structure_and_drops_scripts(converter: Documents) -> None:
    page = """<html><head><title>Fees &amp; limits</title><style>p {color: red}</style>
    <script>steal()</script></head><body><h1>Fees</h1><p>A <b>fee</b> is
    <a href="https://example.org/x">due</a>.</p><ul><li>one<ul><li>two</li></ul></li></ul>
    <h2>Table</h2><table><tr><th>Card</th><th>Fee</th></tr><tr><td>Gold</td><td>5</td></tr></table>
    <noscript>turn it on</noscript><p>رسوم 费用</p></body></html>"""
    made = converter.convert("fees.html", page.encode())
    assert (made.doc_type, made.title) == ("html", "Fees & limits")
    assert made.body.split("\n\n") == [
        "# Fees",
        "A fee is due.",
        "- one\n  - two",
        "## Table",
        "| Card | Fee |\n| --- | --- |\n| Gold | 5 |",
        "رسوم 费用",
    ]


def test_html_is_read_as_it_declares(converter: Documents) -> None:
    page = '<meta charset="iso-8859-5"><p>Привет</p>'.encode("iso-8859-5")
    made = converter.convert("a.htm", page)
    assert (made.body, made.metadata) == ("Привет", {"encoding": "iso8859-5"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_becomes_a_table_whatever_divides_it(converter: Documents, delimiter: str) -> None:
    rows = [["name", "text"], ["a", '"x\ny"'], ["b", '"1|2"'], ["", ""]]
    text = "\n".join(delimiter.join(row) for row in rows)
    made = converter.convert("rows.csv", text.encode())
    assert made.body == "| name | text |\n| --- | --- |\n| a | x y |\n| b | 1\\|2 |"
    assert (made.doc_type, made.title, made.metadata) == ("csv", "rows", {})


def test_ragged_csv_is_whole_and_said(converter: Documents) -> None:
    made = converter.convert("rows.csv", b"a,b\n1,2,3\n4\n")
    assert made.body.splitlines()[2:] == ["| 1 | 2 | 3 |", "| 4 |  |  |"]
    assert made.metadata["unread"].startswith("2 of 3 rows")


def test_json_becomes_records_whose_values_keep_their_names(converter: Documents) -> None:
    datum = {"name": "Orders", "items": [{"id": 1, "price": "x"}, {"id": None}], "open": True}
    text = json.dumps(datum).replace('"x"', "1.50")
    made = converter.convert("orders.json", text.encode())
    assert made.title == "Orders"
    assert made.body.split("\n\n") == [
        "name: Orders",
        "## items",
        "| id | price |\n| --- | --- |\n| 1 | 1.50 |",
        "open: true",
    ]


def test_what_is_called_json_and_is_none_is_read_as_it_stands(converter: Documents) -> None:
    made = converter.convert("a.json", b"// comment\n{}")
    assert (made.doc_type, made.body) == ("code", "// comment\n{}")
    assert "not valid JSON" in made.metadata["unread"]


def test_code_is_kept_as_it_is_with_its_language(converter: Documents) -> None:
    source = "def f():\r\n\treturn 1  # é\n"
    made = converter.convert("lib/f.py", source.encode())
    assert (made.doc_type, made.body, made.metadata) == ("code", source, {"language": "python"})


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("\ufeffé漢".encode(), "é漢", None),
        ("é漢 abc".encode("utf-16"), "é漢 abc", "utf-16-le"),
        ("plain words".encode("utf-16-be"), "plain words", "utf-16-be"),
        ("\ufeffé漢".encode("utf-32-be"), "é漢", "utf-32-be"),
        ("naïve “quoted” €".encode("cp1252"), "naïve “quoted” €", "cp1252"),
        (
            b"caf\xe9 cr\xe8me br\xfbl\xe9e \x81",
            "café crème brûlée \ufffd",
            "cp1252 with bytes that it does not define",
        ),
        ("Дневной лимит".encode("utf-16-le"), "Дневной лимит", "utf-16-le"),
    ],
)
def test_encodings_are_told_and_named(
    converter: Documents, data: bytes, text: str, encoding: str | None
) -> None:
    made = converter.convert("a.txt", data)
    assert (made.body, made.metadata.get("encoding")) == (text, encoding)


LIMITS = {
    "shift_jis": "日限額は五百円です。支払いは翌月末です。",
    "gbk": "每日限额为五百元。付款应在下月底之前完成。",
    "cp949": "하루 한도는 오백 유로입니다. 대금은 다음 달 말까지 지급해야 합니다.",
    "cp1251": "Дневной лимит составляет пятьсот рублей. Оплата до конца месяца.",
    "cp866": "Дневной лимит составляет пятьсот рублей. Оплата до конца месяца.",
    "cp1255": "המגבלה היומית היא חמש מאות שקלים. התשלום נדרש עד סוף החודש הבא.",
    "cp1253": "Το ημερήσιο όριο είναι πεντακόσια ευρώ. Η πληρωμή γίνεται σύντομα.",  # noqa: RUF001
    "cp1250": "Denní limit převodu je pět set eur. Příliš žluťoučký kůň splatí účet do měsíce.",
    "utf-16-be": "日限額は五百円です。支払いは翌月末です。",
}


@pytest.mark.parametrize("encoding", LIMITS)
@pytest.mark.parametrize("times", [1, 20_000])
def test_a_guessed_encoding_is_right_and_told_as_a_guess(
    converter: Documents, encoding: str, times: int
) -> None:
    text = f"2026\n{LIMITS[encoding]}\n" * times
    made = converter.convert("a.txt", text.encode(encoding))
    assert made.body == text
    assert made.metadata["unread"].startswith("the encoding is a guess, ")


@pytest.mark.parametrize(
    "text",
    [
        "Le plafond s’élève à 500 € ; l’été, c’est où ?",  # noqa: RUF001
        "Die Gebühr für Überweisungen beträgt 3 %.",
        "¿Perdió la tarjeta? Avise al banco mañana según la política.",
        "Það er þóknun á öðru.",
        "name;price\nÄpfel;1,50\nBirnen;2,50",
        "Ö",
    ],
)
def test_western_text_is_read_as_before(converter: Documents, text: str) -> None:
    made = converter.convert("a.txt", text.encode("cp1252"))
    assert (made.body, made.metadata) == (text, {"encoding": "cp1252"})


def test_utf8_with_few_wrong_bytes_stays_utf8_and_says_so(converter: Documents) -> None:
    text = "每日限额为五百元。\n" * 50
    data = text.encode() + b"caf\xe9\n" + text.encode()[:-2]
    made = converter.convert("a.txt", data)
    assert made.body == f"{text}caf\ufffd\n{text[:-2]}\ufffd"
    assert made.metadata == {"unread": "2 places are not UTF-8"}
    page = b"<p>" + data + b"</p>"
    assert converter.convert("a.html", page).metadata["unread"] == "2 places are not UTF-8"


def test_few_wrong_bytes_cost_no_more_than_themselves(converter: Documents) -> None:
    made = converter.convert("a.txt", b"A log of many plain words.\n" * 9 + b"\x8d\x9d\x81")
    assert made.body.endswith("words.\n\ufffd\ufffd\ufffd")
    assert made.metadata["unread"].endswith("; 3 places are not cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "Letras con tilde: áéíóú",
        "Alphabet: A-Z, ÄÖÜ, ß",
        "Danske bogstaver: æøå",
        "GRÖSSE ÄÖÜ ÜBER",
        "item;price\ntea;¥500\n",
        "¶ 1",
        "¥100 ¢50 ¤ ¦ ¬ ¶ ¸",  # noqa: RUF001
        "Donau\xaddampf\xadschiff",
        "Öö oli külm ja pime. Õues sadas lund.",
        "VOWELS = 'aeiouáéíóúàèìòù'\ndef f(x): return x in VOWELS\n",
        "if (preg_match('/^[a-zA-ZäöüÄÖÜß]+$/', $name)) { return true; }",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ",
        "Prix: 10 € à payer".encode("iso8859_15").decode("cp1252"),
    ],
)
def test_what_may_be_western_is_read_as_cp1252_and_told_as_a_guess(
    converter: Documents, text: str
) -> None:
    made = converter.convert("a.txt", text.encode("cp1252"))
    assert (made.body, made.metadata["encoding"]) == (text.replace("\xad", ""), "cp1252")
    assert made.metadata["unread"].startswith("the encoding is a guess, cp1252: ")
