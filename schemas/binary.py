"""Events in Avro's binary encoding, by functions that are compiled from the schemas.

fastavro walks the schema for each record, tries a union's branches on each value, and reads from a
stream byte by byte: that was half of a worker's time for an event. A function that knows its record
takes a third of it. It writes the bytes that fastavro writes (a test holds them against each
other); what was written with another schema, fastavro reads.

https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct, calcsize, pack, unpack_from
from typing import Any, NamedTuple

from schemas import catalog, events

Lines = list[str]
INDENT = "    "
_FLOATS = {"float": "f", "double": "d"}  # as `struct` names them, little endian


class Binary(NamedTuple):
    """How one kind of event is written and read.

    `write` adds parts, to be joined. `read` takes bytes and where to begin, and returns the event
    and where it ended, which is behind the bytes where these are cut short. On bytes that are no
    such event it raises ValueError, LookupError, struct.error, OverflowError or MemoryError.
    """

    write: Callable[[Any, list[bytes]], None]
    read: Callable[[bytes, int], tuple[Any, int]]


@cache
def binary(event: type) -> Binary:
    """Of a class of `schemas.events`."""
    name = event.__name__
    fields: list[dict[str, Any]] = catalog.declaration(name)["fields"]
    scope: dict[str, Any] = {**_SCOPE, "new": object.__new__, "kind": event}
    for other in catalog.references(catalog.declaration(name)):
        declared = catalog.declaration(other)
        if declared["type"] == "enum":
            written = {symbol: _LONG[at] for at, symbol in enumerate(declared["symbols"])}
            scope[f"write_{other}"] = written
            scope[f"read_{other}"] = {code: symbol for symbol, code in written.items()}
        else:
            nested = binary(getattr(events, other))
            scope[f"write_{other}"], scope[f"read_{other}"] = nested
    lines = ["def write(event, parts):"]
    for field in fields:
        lines += _in(_writing(field["type"], f"event.{field['name']}", 0))
    lines += ["def read(data, at):"]
    for field in fields:
        lines += _in(_reading(field["type"], f"its_{field['name']}", 0))
    # A frozen dataclass's own constructor takes as long as all that is before.
    lines += _in(["made = new(kind)"])
    for field in fields:
        scope[f"set_{field['name']}"] = getattr(event, field["name"]).__set__
        lines += _in([f"set_{field['name']}(made, its_{field['name']})"])
    lines += _in(["return made, at"])
    source = compile("\n".join(lines), f"<{name} in Avro's binary encoding>", "exec")
    exec(source, scope)  # noqa: S102 - as dataclasses make theirs, and from our own schemas alone
    return Binary(scope["write"], scope["read"])


def _in(lines: Lines) -> Lines:
    return [INDENT + line for line in lines]


def _kind(avro: Any) -> str:
    """The name of a type; of a Millrace type "record" or "enum"."""
    if isinstance(avro, list):
        return "union"
    if isinstance(avro, dict):
        return str(avro["type"])  # pyright: ignore[reportUnknownArgumentType]
    short = catalog.references(avro)
    return str(catalog.declaration(short[0])["type"]) if short else str(avro)


def _optional(union: list[Any]) -> Any:
    """What a union holds beside null, which comes first."""
    if len(union) != 2 or union[0] != "null":
        raise NotImplementedError(f"of unions, null and one other type are written: {union}")
    return union[1]


# Writing: statements that add the parts of `value`. `depth` keeps names of nested loops apart.


def _writing(avro: Any, value: str, depth: int) -> Lines:
    kind = _kind(avro)
    if kind == "string":
        return [f"text = {value}.encode()", "parts += (LONG[len(text)], text)"]
    if kind == "bytes":
        return [f"text = {value}", "parts += (LONG[len(text)], text)"]
    if kind in ("int", "long"):
        return [f"parts.append({kind.upper()}[{value}])"]
    if kind in _FLOATS:
        return [f"parts.append(pack_{kind}({value}))"]
    if kind == "boolean":
        return [f"parts.append(ONE if {value} else END)"]
    if kind == "enum":
        return [f"parts.append(write_{catalog.references(avro)[0]}[{value}])"]
    if kind == "record":
        return [f"write_{catalog.references(avro)[0]}({value}, parts)"]
    if kind == "union":
        some = f"some{depth}"
        present = _writing(_optional(avro), some, depth + 1)
        return [
            f"{some} = {value}",
            f"if {some} is None:",
            *_in(["parts.append(END)"]),
            "else:",
            *_in(["parts.append(SECOND)", *present]),
        ]
    if kind not in ("array", "map"):
        raise NotImplementedError(f"{kind} is not written")
    items = f"items{depth}"
    return [
        f"{items} = {value}",
        f"if {items}:",
        *_in([f"parts.append(LONG[len({items})])", *_writing_block(avro, items, depth)]),
        "parts.append(END)",
    ]


def _writing_block(avro: dict[str, Any], items: str, depth: int) -> Lines:
    """All items of an array or a map, in one block."""
    if code := _FLOATS.get(str(avro.get("items"))):
        return [f"parts.append(pack(f'<{{len({items})}}{code}', *{items}))"]
    item = f"item{depth}"
    if avro["type"] == "array":
        return [f"for {item} in {items}:", *_in(_writing(avro["items"], item, depth + 1))]
    written = [
        *_writing("string", f"key{depth}", depth + 1),
        *_writing(avro["values"], item, depth + 1),
    ]
    return [f"for key{depth}, {item} in {items}.items():", *_in(written)]


# Reading: statements that set `target` and move `at` on.

_LENGTH = ["n = data[at]", "at += 1", "if n > 127 or n & 1:", INDENT + "n, at = length(data, at)"]
_COUNT = ["n = data[at]", "at += 1", "if n > 127 or n & 1:", INDENT + "n, at = count(data, at)"]


def _reading(avro: Any, target: str, depth: int) -> Lines:
    kind = _kind(avro)
    if kind in ("string", "bytes"):
        text = "data[at:end].decode()" if kind == "string" else "data[at:end]"
        return [*_LENGTH, "end = at + (n >> 1)", f"{target} = {text}", "at = end"]
    if kind in ("int", "long"):
        longer = ["if n > 127:", *_in(["n, at = varint(data, at - 1)"])]
        return ["n = data[at]", "at += 1", *longer, f"{target} = n >> 1 ^ -(n & 1)"]
    if kind in _FLOATS:
        size = calcsize(f"<{_FLOATS[kind]}")
        return [f"{target} = unpack_{kind}(data, at)[0]", f"at += {size}"]
    if kind == "boolean":
        return [f"{target} = BOOLEANS[data[at]]", "at += 1"]
    if kind == "enum":
        return [f"{target} = read_{catalog.references(avro)[0]}[data[at:at + 1]]", "at += 1"]
    if kind == "record":
        return [f"{target}, at = read_{catalog.references(avro)[0]}(data, at)"]
    if kind == "union":
        return [
            "n = data[at]",
            "at += 1",
            "if n == 0:",
            *_in([f"{target} = None"]),
            "elif n == 2:",
            *_in(_reading(_optional(avro), target, depth)),
            "else:",
            *_in(["raise ValueError('a union has no such branch')"]),
        ]
    empty = "[]" if kind == "array" else "{}"
    return [f"{target} = {empty}", *_COUNT, "while n:", *_in(_reading_block(avro, target, depth))]


def _reading_block(avro: dict[str, Any], target: str, depth: int) -> Lines:
    """The items of one block, and how many the next has."""
    if code := _FLOATS.get(str(avro.get("items"))):
        size = calcsize(f"<{code}")
        unpacked = f"{target} += unpack_from(f'<{{n >> 1}}{code}', data, at)"
        return [unpacked, f"at += (n >> 1) * {size}", *_COUNT]
    item, key = f"item{depth}", f"key{depth}"
    if avro["type"] == "array":
        read = [*_reading(avro["items"], item, depth + 1), f"{target}.append({item})"]
    else:
        read = [
            *_reading("string", key, depth + 1),
            *_reading(avro["values"], item, depth + 1),
            f"{target}[{key}] = {item}",
        ]
    return ["for _ in range(n >> 1):", *_in(read), *_COUNT]


# Numbers: zigzag, then seven bits a byte, the lowest first.


class _Varints(dict[int, bytes]):
    """Integers of so many bits as bytes; lengths and other common ones are looked up."""

    def __init__(self, bits: int) -> None:
        self._bound = 1 << (bits - 1)
        super().__init__((number, self[number]) for number in range(-64, 4096))

    def __missing__(self, number: int) -> bytes:
        if not -self._bound <= number < self._bound:
            raise OverflowError(f"{number} has more than {self._bound.bit_length()} bits")
        left = number << 1 if number >= 0 else ~(number << 1)
        written = bytearray()
        while left > 127:
            written.append(left & 127 | 128)
            left >>= 7
        written.append(left)
        return bytes(written)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number that is still zigzag, and where it ends."""
    number = shift = 0
    while shift < 64:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
    raise OverflowError("a number has more than 64 bits")


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Twice a length whose first byte was read."""
    number, at = _varint(data, at - 1)
    if number & 1:
        raise ValueError("a length is below zero")
    return number, at


def _count(data: bytes, at: int) -> tuple[int, int]:
    """Twice the count of a block; below zero it says that the block's bytes are told as well."""
    number, at = _varint(data, at - 1)
    if number & 1:
        _, at = _varint(data, at)
        number += 1
    return number, at


_LONG, _INT = _Varints(64), _Varints(32)
_SCOPE: dict[str, Any] = {
    "LONG": _LONG,
    "INT": _INT,
    "END": b"\x00",
    "ONE": b"\x01",
    "SECOND": b"\x02",
    "BOOLEANS": (False, True),
    "pack": pack,
    "unpack_from": unpack_from,
    **{f"pack_{kind}": Struct(f"<{code}").pack for kind, code in _FLOATS.items()},
    **{f"unpack_{kind}": Struct(f"<{code}").unpack_from for kind, code in _FLOATS.items()},
    "varint": _varint,
    "length": _length,
    "count": _count,
}
