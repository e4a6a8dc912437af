"""JSON at the edge: strict against the Avro schema, and errors that name the field."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any, cast

from schemas.catalog import self_contained
from streams.flow.errors import Reject

# UTF-8 has no surrogates; JSON may escape them, in pairs or, which is no text, one alone.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LIMITS = {"int": 2**31, "long": 2**63}


def parse(value: bytes, name: str) -> dict[str, Any]:
    """Bytes of a JSON object to the datum of the event called `name`, defaults filled in.

    Raises:
        Reject: not JSON, not an object, or a field is unknown, missing or of another type.
    """
    return checked(load(value), name)


def checked(datum: object, name: str) -> dict[str, Any]:
    """What `load` gave as the datum of the event called `name`, as `parse`."""
    schema = self_contained(name)
    if not isinstance(datum, dict):
        raise Reject(f"a {name} is a JSON object, not {_kind(datum)}")
    return _record(cast("dict[str, Any]", datum), schema, "")


def load(value: bytes) -> object:
    """What JSON says.

    Raises:
        Reject: it is not JSON, or holds what no JSON producer means.
    """
    try:
        # Also what no JSON producer means: NaN and Infinity are refused.
        datum: object = json.loads(
            value.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=once_each
        )
    except UnicodeDecodeError as error:
        raise Reject(f"the record is not UTF-8: byte {error.start} cannot be read") from None
    except (ValueError, RecursionError) as error:
        raise Reject(f"the record is not valid JSON: {error}") from None
    if _SURROGATE.search(value) and not _is_text(datum):
        raise Reject("the record holds half of a surrogate pair, which is no character")
    return datum


def once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object; which of two values of one key was meant, nobody can know.

    Raises:
        ValueError: a key stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _is_text(datum: object) -> bool:
    """Whether all strings in it can be written down; JSON can escape what UTF-8 cannot say."""
    try:
        json.dumps(datum, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    kinds = {"NoneType": "null", "dict": "an object", "list": "an array", "str": "a string"}
    return kinds.get(type(value).__name__, "a boolean" if isinstance(value, bool) else "a number")


def _record(datum: dict[str, Any], schema: dict[str, Any], path: str) -> dict[str, Any]:
    fields = {item["name"]: item for item in schema["fields"]}
    for key in datum:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(fields)}"
            raise Reject(f"unknown field '{path}{key}'{hint}")
    result: dict[str, Any] = {}
    for key, item in fields.items():
        if key in datum:
            result[key] = _value(datum[key], item["type"], path + key)
        elif "default" in item:
            default = item["default"]
            result[key] = default.copy() if isinstance(default, dict | list) else default  # pyright: ignore
        else:
            raise Reject(f"missing field '{path}{key}'")
    return result


def _value(value: Any, avro: Any, path: str) -> Any:
    if isinstance(avro, list):
        if value is None and "null" in avro:
            return None
        return _value(value, next(t for t in avro if t != "null"), path)  # pyright: ignore
    kind = str(cast("dict[str, Any]", avro)["type"] if isinstance(avro, dict) else avro)
    if kind == "record":
        if isinstance(value, dict):
            return _record(value, avro, path + ".")  # pyright: ignore[reportUnknownArgumentType]
    elif kind == "enum":
        symbols: list[str] = cast("dict[str, Any]", avro)["symbols"]
        if value in symbols:
            return value
        given = repr(value)[:60]
        raise Reject(f"field '{path}' is {given}, but must be one of {', '.join(symbols)}")
    elif kind == "map":
        if isinstance(value, dict):
            return {str(k): _value(v, avro["values"], f"{path}.{k}") for k, v in value.items()}  # pyright: ignore
    elif kind == "array":
        if isinstance(value, list):
            return [_value(v, avro["items"], f"{path}[{i}]") for i, v in enumerate(value)]  # pyright: ignore
    elif kind in _LIMITS:
        if isinstance(value, int) and not isinstance(value, bool):
            if -_LIMITS[kind] <= value < _LIMITS[kind]:
                return value
            raise Reject(f"field '{path}' is {value}, which is out of range")
    elif kind in ("double", "float"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif (kind == "string" and isinstance(value, str)) or (
        kind == "boolean" and isinstance(value, bool)
    ):
        return value
    raise Reject(f"field '{path}' must be {_expected(kind)}, not {_kind(value)}")


def _expected(kind: str) -> str:
    return {
        "record": "an object",
        "map": "an object",
        "array": "an array",
        "int": "a whole number",
        "long": "a whole number",
        "double": "a number",
        "float": "a number",
        "string": "a string",
        "boolean": "true or false",
    }[kind]
