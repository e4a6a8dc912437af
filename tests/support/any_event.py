"""Events with any content that their schema allows."""

from __future__ import annotations

import random
import struct
from typing import Any

from schemas import catalog, events

TEXTS = ["", "a", "¿Qué?", "x" * 70, "漢字" * 3000]
INTS = [0, 1, -1, 63, 64, -64, -65, 4095, 4096, 2**31 - 1, -(2**31)]
LONGS = [*INTS, 2**31, 2**62, 2**63 - 1, -(2**63)]


def _some(chance: random.Random, kind: Any) -> Any:
    """A value of an Avro type."""
    if isinstance(kind, list):
        return _some(chance, chance.choice(kind))
    if isinstance(kind, dict):
        count = chance.choice([0, 1, 3])
        if kind["type"] == "array":
            return [_some(chance, kind["items"]) for _ in range(count)]
        return {_some(chance, "string"): _some(chance, kind["values"]) for _ in range(count)}
    if names := catalog.references(kind):
        declared = catalog.declaration(names[0])
        is_enum = declared["type"] == "enum"
        return chance.choice(declared["symbols"]) if is_enum else event_of(chance, names[0])
    return {
        "null": lambda: None,
        "string": lambda: chance.choice(TEXTS),
        "bytes": lambda: chance.randbytes(chance.choice([0, 5, 5000])),
        "int": lambda: chance.choice(INTS),
        "long": lambda: chance.choice(LONGS),
        "double": lambda: chance.choice([0.0, -1.5, 1e300, chance.random()]),
        "float": lambda: struct.unpack("<f", struct.pack("<f", chance.random()))[0],
        "boolean": lambda: chance.random() < 0.5,
    }[kind]()


def event_of(chance: random.Random, name: str) -> Any:
    """One of this type."""
    fields = catalog.declaration(name)["fields"]
    given = {field["name"]: _some(chance, field["type"]) for field in fields}
    return getattr(events, name)(**given)
