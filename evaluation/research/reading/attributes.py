"""What papers say of a product: a label, a value, and how people ask for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Value = Callable[[random.Random], str]


def money(low: int, high: int) -> Value:
    def draw(rng: random.Random) -> str:
        amount = rng.randint(low, high)
        sign, cents = rng.choice(("$", "$", "€", "£")), rng.choice(("", "", ".00", ".50"))
        return f"{sign}{amount:,}{cents}"

    return draw


def share(low: float, high: float) -> Value:
    return lambda rng: f"{rng.uniform(low, high):.{rng.choice((0, 1, 2))}f}%"


def count(low: int, high: int, *units: str) -> Value:
    def draw(rng: random.Random) -> str:
        unit = rng.choice(units) if units else ""
        return f"{rng.randint(low, high)} {unit}".strip()

    return draw


def one_of(*values: str) -> Value:
    return lambda rng: rng.choice(values)


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that papers say of a product: how they call it, and how people ask for it."""

    labels: tuple[str, ...]
    value: Value
    asked: tuple[str, ...]  # with {p} for the product
    said: tuple[str, ...] = ()  # sentences with {p} and {v}


def attribute(labels: str, value: Value, asked: str, said: str = "") -> Attribute:
    return Attribute(parts(labels), value, parts(asked), parts(said))


def parts(text: str, mark: str | None = ";") -> tuple[str, ...]:
    """What stands between the marks, each on one line; None: the words."""
    return tuple(" ".join(each.split()) for each in text.split(mark) if each.strip())
