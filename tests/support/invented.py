"""Invented things with known facts, and questions on them: drawn anew from each seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words("""
    Amber Birch Cobalt Dune Ember Fjord Garnet Heather Iris Jade Kelp Larch Mauve Nectar Onyx Plum
    Quartz Russet Slate Teal Umber Violet Walnut Yarrow Zinc Basil Cedar Delta Elm Flint
""")
_KINDS = _words("account card loan plan")
_MONTHS = _words("January March April June July September October December")
_ATTRIBUTES = {
    "yearly fee": "money",
    "interest rate": "percent",
    "minimum balance": "money",
    "daily limit": "money",
    "notice period": "days",
    "launch date": "date",
    "late payment charge": "money",
    "number of free transfers": "count",
}
_ORDERS = {
    "cancel": [
        "Open the settings page",
        "Choose Cancellation",
        "Confirm with the code sent to you",
    ],
    "renew": ["Print the renewal form", "Sign it in blue ink", "Send it to the registry desk"],
    "unblock": ["Call the night desk", "Say your pass phrase", "Wait for the green light"],
}
_PAPERS = [
    ["Proof of address", "A recent payslip", "Two signed photographs"],
    ["Birth certificate", "Tax number", "A letter from your employer"],
]


@dataclass(frozen=True, slots=True)
class Thing:
    """What it is called, and its facts: some attributes have none."""

    name: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; `wanted` must all stand in an answer, none: nothing answers it."""

    question: str
    wanted: tuple[str, ...]
    sort: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A document to be written: things with their facts, what to do, what to bring, articles."""

    title: str
    things: list[Thing]
    columns: list[str]
    doing: tuple[str, str, list[str]]  # what, to which thing, in which steps
    bringing: tuple[str, list[str]]  # for which thing, what
    articles: list[str]
    layout: str  # table, points or prose
    asked: list[Asked] = field(default_factory=list[Asked])


def papers(seed: int, count: int) -> Iterator[Paper]:
    """Documents of things that no other document of the seed names."""
    rng = random.Random(seed)
    names = [f"{first} {kind}" for first in _FIRST for kind in _KINDS[:1]]
    rng.shuffle(names)
    for number in range(count):
        some = [names.pop() for _ in range(min(3, len(names)))]
        kind = rng.choice(_KINDS)
        yield _paper(rng, number, [name.replace("account", kind) for name in some])


def _paper(rng: random.Random, number: int, names: list[str]) -> Paper:
    columns = rng.sample(sorted(_ATTRIBUTES), 4)
    used: set[str] = set()
    things = [
        Thing(name, {c: _value(rng, _ATTRIBUTES[c], used) for c in columns if rng.random() < 0.85})
        for name in names
    ]
    action = rng.choice(sorted(_ORDERS))
    steps = list(_ORDERS[action])
    paper = Paper(
        f"Terms of {', '.join(names)}",
        things,
        columns,
        (action, names[0], steps),
        (names[1], rng.choice(_PAPERS)),
        [
            f"Disputes about the {names[0]} are heard in {rng.choice(['Bern', 'Oslo', 'Graz'])}.",
            f"Holders of the {names[1]} may complain within {rng.randrange(3, 29)} weeks.",
        ],
        rng.choice(["table", "points", "prose"]),
    )
    paper.asked.extend(_asked(rng, paper, number))
    return paper


def _value(rng: random.Random, sort: str, used: set[str]) -> str:
    while True:
        made = {
            "money": f"{rng.randrange(11, 990)}.{rng.randrange(10, 99)} EUR",
            "percent": f"{rng.randrange(1, 19)}.{rng.randrange(11, 99)} %",
            "days": f"{rng.randrange(11, 99)} days",
            "count": str(rng.randrange(11, 99)),
            "date": f"{rng.randrange(1, 29)} {rng.choice(_MONTHS)} {rng.randrange(2001, 2026)}",
        }[sort]
        if made not in used:
            used.add(made)
            return made


def _asked(rng: random.Random, paper: Paper, number: int) -> Iterator[Asked]:
    for thing in paper.things:
        for column in paper.columns:
            value = thing.facts.get(column)
            wording = rng.choice(
                [f"What is the {column} of the {thing.name}?", f"{thing.name.lower()} {column}"]
            )
            sort = _ATTRIBUTES[column] if value else "not said"
            yield Asked(wording, (value,) if value else (), sort)
    other = rng.choice([c for c in sorted(_ATTRIBUTES) if c not in paper.columns])
    yield Asked(f"What is the {other} of the {paper.things[0].name}?", (), "not said")
    action, name, steps = paper.doing
    yield Asked(f"How do I {action} the {name}?", tuple(steps), "steps")
    name, things = paper.bringing
    yield Asked(f"Which documents do I need for the {name}?", tuple(things), "list")
    place = paper.articles[0].split()[-1].rstrip(".")
    yield Asked(
        f"Where are disputes about the {paper.things[0].name} heard?", (place,), "provision"
    )
    weeks = paper.articles[1].split()[-2]
    yield Asked(
        f"How long may holders of the {paper.things[1].name} complain?",
        (f"{weeks} weeks",),
        "provision",
    )
    yield Asked(f"What is the yearly fee of the Krypton{number} card?", (), "unknown")
