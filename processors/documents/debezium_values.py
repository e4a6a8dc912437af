"""What the values of a change event mean, by the schema that stands beside them.

Connect writes a decimal as the bytes of its unscaled value, a date as days and a time as parts of a
second; only the schema says so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, cast

_DEEPEST = 32
_MOST_DIGITS = 4000
_CONNECT, _DEBEZIUM = "org.apache.kafka.connect.data.", "io.debezium.time."
_DECIMAL = _CONNECT + "Decimal"
_VARIABLE = "io.debezium.data.VariableScaleDecimal"
_BITS = "io.debezium.data.Bits"
_DAYS = frozenset((_CONNECT + "Date", _DEBEZIUM + "Date"))
# How many make a second.
_TIMES = {
    _CONNECT + "Time": 1_000,
    _DEBEZIUM + "Time": 1_000,
    _DEBEZIUM + "MicroTime": 1_000_000,
    _DEBEZIUM + "NanoTime": 1_000_000_000,
}
_TIMESTAMPS = {
    _CONNECT + "Timestamp": 1_000,
    _DEBEZIUM + "Timestamp": 1_000,
    _DEBEZIUM + "MicroTimestamp": 1_000_000,
    _DEBEZIUM + "NanoTimestamp": 1_000_000_000,
}
_DURATIONS = {_DEBEZIUM + "MicroDuration": 1_000_000, _DEBEZIUM + "NanoDuration": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value as it came, and as one writes it; None for bytes that are no text."""

    raw: object
    text: str | None
    is_text: bool = False  # rather than a number, a date or the like

    @property
    def said(self) -> object:
        """For lists and rows that hold it."""
        return self.raw if self.text is None else self.text


def raw(value: object) -> object:
    """A value as it came."""
    return value.raw if isinstance(value, Encoded) else value


def struct_schema(schema: object, name: str) -> object:
    """The schema of a struct's field; None where it does not say."""
    return next((field for field in _fields(schema) if field.get("field") == name), None)


def decoded(value: object, schema: object, depth: int = 0) -> object:
    """`value` with what its schema says is encoded as `Encoded`; rows and lists too."""
    if value is None or not isinstance(schema, dict) or depth > _DEEPEST:
        return value
    said = cast("dict[str, Any]", schema)
    name = str(said.get("name") or "")
    try:
        text = _written(value, said, name)
    except (ArithmeticError, binascii.Error, ValueError):
        return value  # it is not what its schema says
    if text is not None:
        return Encoded(value, text)
    if said.get("type") == "bytes" and isinstance(value, str):
        return Encoded(value, _text_of(value), is_text=True)
    if isinstance(value, dict):
        row = cast("dict[str, object]", value)
        known = {str(field.get("field")): field for field in _fields(said)}
        if said.get("type") == "map":
            return {key: decoded(each, said.get("values"), depth + 1) for key, each in row.items()}
        return {key: decoded(each, known.get(key), depth + 1) for key, each in row.items()}
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [decoded(each, said.get("items"), depth + 1) for each in items]
    return value


def plain(value: object) -> object:
    """A value as it is written, in rows and lists too."""
    if isinstance(value, Encoded):
        return value.said
    if isinstance(value, dict):
        return {key: plain(each) for key, each in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [plain(each) for each in cast("list[object]", value)]
    return value


def _fields(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema).get("fields")
        for field in cast("list[Any]", fields) if isinstance(fields, list) else ():
            if isinstance(field, dict):
                yield cast("dict[str, Any]", field)


def _written(value: object, schema: Mapping[str, Any], name: str) -> str | None:
    """The value in the form that people write; None where its schema says nothing of one."""
    if name == _DECIMAL and isinstance(value, str):
        return _decimal(value, int(cast("Any", schema.get("parameters") or {}).get("scale", 0)))
    if name == _VARIABLE and isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return _decimal(str(parts.get("value")), int(parts.get("scale") or 0))
    if name == _BITS and isinstance(value, str):
        number = int.from_bytes(base64.b64decode(value, validate=True), "little")
        length = int(cast("Any", schema.get("parameters") or {}).get("length", 1))
        return f"{number:0{min(length, 512)}b}"
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if name in _DAYS:
        return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
    if name in _TIMES:
        return _clock(value, _TIMES[name])
    if name in _TIMESTAMPS:
        parts = _TIMESTAMPS[name]
        days, rest = divmod(value, 86_400 * parts)
        day = _EPOCH + timedelta(days=days)
        return f"{day:%Y-%m-%d} {_clock(rest, parts)}"
    if name in _DURATIONS:
        sign = "-" if value < 0 else ""
        return sign + _clock(abs(value), _DURATIONS[name])
    return None


def _decimal(encoded: str, scale: int) -> str:
    number = int.from_bytes(base64.b64decode(encoded, validate=True), "big", signed=True)
    if number.bit_length() > 3 * _MOST_DIGITS or abs(scale) > _MOST_DIGITS:
        raise ValueError("no such number is written")
    with localcontext(prec=2 * _MOST_DIGITS):
        return f"{Decimal(number).scaleb(-scale):f}"


def _clock(value: int, parts: int) -> str:
    seconds, rest = divmod(value, parts)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    digits = f"{rest:0{len(str(parts)) - 1}}".rstrip("0")
    return f"{text}.{digits}" if digits else text


def _text_of(encoded: str) -> str | None:
    """The text in bytes; None where they are none."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if all(c.isprintable() or c.isspace() for c in text) else None
