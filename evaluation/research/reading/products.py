"""Invented products with what their papers say: questions whose answers are known, and near misses.

Public sets of questions seldom name a product that has a twin, or ask for an attribute that only
its neighbour has. Here both happen all the time: a passage says some attributes of one product, a
question asks for one of them, for one that is not said, or for one of a product of a like name.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.research.reading.accounts import BANK
from evaluation.research.reading.attributes import Attribute, parts
from evaluation.research.reading.pairs import Pair
from evaluation.research.reading.wares import ITEMS, LISTS, OTHER, STEPS, TASKS, THINGS

FILLER = """
    Review your settings from time to time. Terms may change with notice. Keep your details up
    to date. Our advisers are glad to help. Plan ahead to avoid surprises. Use the app to follow
    what happens. Set reminders for due dates. Compare what fits your needs. Save the
    confirmation.
"""
_HEADINGS = ("Tips", "Before you start", "Fees", "Limits", "Questions", "How it works", "Details")
FIRST = parts(
    """    Amber Aspen Azure Basalt Birch Bronze Cedar Cobalt Copper Coral Crimson Crystal Cyan Dune
    Ebony Falcon Fern Flint Garnet Glacier Granite Harbor Hazel Heron Indigo Iris Ivory Jade
    Jasper Juniper Lark Lilac Linden Lotus Magenta Maple Marble Meadow Mint Nova Oak Ocean Olive
    Onyx Opal Orchid Pearl Pine Quartz Raven River Rose Rowan Saffron Sage Scarlet Sienna Slate
    Sparrow Stone Summit Teal Terra Topaz Tulip Umber Violet Willow Zephyr""",
    None,
)
BEFORE = ("Business", "Premium", "Student", "Senior", "Light", "Dark", "Royal", "Global", "Junior")
AFTER = ("Plus", "Elite", "Basic", "Max", "Pro", "Reserve", "Years", "Rewards", "Flex")
KINDS = {
    "bank": ("Account", "Card", "Saver", "Loan", "Checking Account", "Credit Card", "Savings"),
    "other": ("Plan", "Tariff", "Insurance", "Package", "Hotel", "Cloud", "Kit", "Cover"),
}


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    says: dict[int, str]  # attribute's number: value
    left: tuple[int, ...]  # that nobody says of it


_THINGS, _ITEMS = parts(THINGS), parts(ITEMS)
_FILLER = [f"{each}." for each in parts(FILLER, ".")]


def _names(rng: random.Random, kind: str) -> list[str]:
    """Names that are alike: "Mint Card", "Business Mint Card", "Mint Plus Card"."""
    stem, what = rng.choice(FIRST), rng.choice(KINDS[kind])
    other = rng.choice(FIRST)
    names = [
        f"{stem} {what}",
        f"{rng.choice(BEFORE)} {stem} {what}",
        f"{stem} {rng.choice(AFTER)} {what}",
        f"{other} {what}",
        f"{stem} {rng.choice(KINDS[kind])}",
    ]
    rng.shuffle(names)
    return list(dict.fromkeys(names))


def _called(rng: random.Random, name: str) -> str:
    """As people call it: with or without what it is, with an article, in small letters."""
    short = name
    for what in sorted((w for each in KINDS.values() for w in each), key=len, reverse=True):
        if name.endswith(" " + what) and rng.random() < 0.4:
            short = name.removesuffix(" " + what)
            break
    short = short.lower() if rng.random() < 0.2 else short
    return rng.choice(("{}", "{}", "the {}", "my {}")).format(short)


def _question(rng: random.Random, attribute: Attribute, name: str) -> str:
    asked = rng.choice(attribute.asked).replace("{p}", _called(rng, name))
    return asked[0].upper() + asked[1:] if rng.random() < 0.8 else asked


def _lines(
    rng: random.Random, product: Product, attributes: list[Attribute], form: str
) -> list[tuple[int, str]]:
    """Each attribute as a line: a bullet, a row or a sentence."""
    lines: list[tuple[int, str]] = []
    for number, value in product.says.items():
        attribute = attributes[number]
        label = rng.choice(attribute.labels)
        if form == "table":
            line = f"| {label} | {value} |"
        elif form == "bullets" or not attribute.said:
            line = f"- {label}: {value}"
        else:
            name = rng.choice((product.name, f"the {product.name}", "it"))
            line = rng.choice(attribute.said).replace("{p}", name).replace("{v}", value)
            line = rng.choice(("", "- ")) + line[0].upper() + line[1:] + "."
        lines.append((number, line))
    return lines


def _passage(
    rng: random.Random, product: Product, attributes: list[Attribute], filler: Sequence[str]
) -> tuple[str, str, dict[int, tuple[int, int]]]:
    """Context, text and where each attribute stands."""
    form = rng.choice(("bullets", "bullets", "table", "sentences", "sentences"))
    lines = _lines(rng, product, attributes, form)
    rng.shuffle(lines)
    topic = rng.choice(
        ("Fees", "Overview", "Terms", "Key facts", "How it works", "Costs and limits")
    )
    where = rng.random()
    title = f"{product.name}: {topic}" if where < 0.7 else rng.choice((topic, product.name))
    text = "" if where < 0.7 else f"# {product.name}\n" if where < 0.85 else ""
    if where >= 0.85:
        title = product.name
    if form == "table":
        text += "| Item | Value |\n| --- | --- |\n"
    spans: dict[int, tuple[int, int]] = {}
    for number, line in lines:
        if form != "table" and rng.random() < 0.5:
            text += rng.choice(("", "- ")) + rng.choice(filler) + "\n"
        if form != "table" and rng.random() < 0.15:
            text += f"\n## {rng.choice(_HEADINGS)}\n"
        spans[number] = (len(text), len(text) + len(line))
        text += line + ("\n" if form != "sentences" or rng.random() < 0.5 else " ")
    return title, text.rstrip(), spans


def drawn(count: int, seed: str, filler: Sequence[str] = ()) -> Iterator[Pair]:
    """`count` groups of pairs of question and passage; each group is of one question.

    `filler` are sentences that say nothing of the product.
    """
    rng = random.Random(f"products {seed}")
    said = [*_FILLER, *filler]
    for group in range(count):
        draw = rng.random()
        if draw < 0.75:
            yield from _attribute(rng, f"product {group}", said)
        elif draw < 0.88:
            yield from _procedure(rng, f"product {group}", said)
        else:
            yield from _list(rng, f"product {group}")


def _attribute(rng: random.Random, group: str, filler: Sequence[str]) -> Iterator[Pair]:
    kind = rng.choice(("bank", "bank", "other"))
    attributes = BANK if kind == "bank" else OTHER
    names = _names(rng, kind)
    products: list[Product] = []
    for name in names:
        order = rng.sample(range(len(attributes)), k=len(attributes))
        size = rng.randint(2, 12)
        says = {number: attributes[number].value(rng) for number in order[:size]}
        products.append(Product(name, says, tuple(order[size:])))
    asked = products[0]
    absent = rng.random() < 0.3  # then no passage answers
    number = rng.choice(asked.left if absent else [*asked.says])
    question = _question(rng, attributes[number], asked.name)
    title, text, spans = _passage(rng, asked, attributes, filler)
    yield Pair(group, question, title, text, [] if absent else [spans[number]])
    others = products[1:3]
    for other in others:  # the same attribute of another: the nearest miss there is
        if number not in other.says and rng.random() < 0.8:
            other.says[number] = attributes[number].value(rng)
        title, text, _ = _passage(rng, other, attributes, filler)
        yield Pair(group, question, title, text, [])
    said = {n: v for n, v in asked.says.items() if n != number}
    if said and rng.random() < 0.6:  # of the one asked for, all but this
        more = Product(asked.name, said, asked.left)
        title, text, _ = _passage(rng, more, attributes, filler)
        yield Pair(group, question, title, text, [])


def _steps(rng: random.Random) -> list[str]:
    words = {"{a}": rng.choice(_THINGS), "{b}": rng.choice(_ITEMS)}
    made = [*rng.choice(STEPS)]
    for mark, word in words.items():
        made = [step.replace(mark, word) for step in made]
    return made


def _listed(rng: random.Random, items: list[str], *, ordered: bool) -> str:
    end = rng.choice(("", ".", ""))
    marks = ("{n}. ", "{n}) ", "- ") if ordered else ("- ", "* ", "- ")
    mark = rng.choice(marks)
    return "\n".join(f"{mark.replace('{n}', str(n))}{item}{end}" for n, item in enumerate(items, 1))


def _procedure(rng: random.Random, group: str, filler: Sequence[str]) -> Iterator[Pair]:
    kind = rng.choice(("bank", "other"))
    name, twin, *_ = _names(rng, kind)
    thing, other = rng.sample(_THINGS, 2)
    (heading, asked), (heading2, _) = rng.sample(TASKS, 2)
    question = rng.choice(parts(asked)).replace("{t}", thing)
    if rng.random() < 0.7:
        question = question.rstrip("?") + f" with {_called(rng, name)}?"

    def text(heading: str, thing: str) -> tuple[str, tuple[int, int]]:
        head = "## " + heading.replace("{t}", thing) + "\n"
        steps = _listed(rng, _steps(rng), ordered=True)
        tail = "\n\n" + rng.choice(filler) if rng.random() < 0.5 else ""
        return head + steps + tail, (len(head), len(head) + len(steps))

    right, span = text(heading, thing)
    if rng.random() < 0.5:  # beside another list
        before, _ = text(heading2, other)
        right, span = f"{before}\n{right}", (span[0] + len(before) + 1, span[1] + len(before) + 1)
    yield Pair(group, question, f"{name}: help", right, [span])
    yield Pair(group, question, f"{name}: help", text(heading, other)[0], [])
    yield Pair(group, question, f"{name}: help", text(heading2, thing)[0], [])
    if _called(rng, name) in question:
        yield Pair(group, question, f"{twin}: help", text(heading, thing)[0], [])


def _list(rng: random.Random, group: str) -> Iterator[Pair]:
    kind = rng.choice(("bank", "other"))
    name, twin, *_ = _names(rng, kind)
    (heading, asked), (heading2, _) = rng.sample(LISTS, 2)
    question = rng.choice(parts(asked)).replace("{p}", _called(rng, name))

    def text(heading: str) -> tuple[str, tuple[int, int]]:
        head = rng.choice(("## {}\n", "**{}**\n", "{}:\n")).format(heading)
        items = _listed(rng, rng.sample(_ITEMS, rng.randint(2, 6)), ordered=False)
        return head + items, (len(head), len(head) + len(items))

    right, span = text(heading)
    if rng.random() < 0.5:
        before, _ = text(heading2)
        right, span = f"{before}\n{right}", (span[0] + len(before) + 1, span[1] + len(before) + 1)
    yield Pair(group, question, f"{name}: conditions", right, [span])
    yield Pair(group, question, f"{name}: conditions", text(heading2)[0], [])
    yield Pair(group, question, f"{twin}: conditions", text(heading)[0], [])
