"""Writes `schemas/events.py` from `schemas/avro`: `python -m schemas.codegen`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from schemas.catalog import NAMESPACE, declaration, in_dependency_order

TARGET = Path(__file__).parent / "events.py"
PRIMITIVES = {
    "string": "str",
    "long": "int",
    "int": "int",
    "double": "float",
    "float": "float",
    "boolean": "bool",
    "bytes": "bytes",
}
HEADER = '''"""Typed events. Generated from schemas/avro by `python -m schemas.codegen`: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
'''


def _is_record(name: str) -> bool:
    return name.startswith(NAMESPACE) and declaration(name.rpartition(".")[2])["type"] == "record"


def _python_type(avro: Any) -> str:
    if isinstance(avro, list):
        return " | ".join(_python_type(t) for t in avro if t != "null") + " | None"  # pyright: ignore
    if isinstance(avro, dict):
        inner = _python_type(avro.get("items", avro.get("values")))  # pyright: ignore
        return f"list[{inner}]" if avro["type"] == "array" else f"dict[str, {inner}]"
    return PRIMITIVES.get(avro, str(avro).rpartition(".")[2])


def _default(default: Any) -> str:
    if default == {} or default == []:
        return f" = field(default_factory={type(default).__name__})"
    return f" = {default!r}"


def _encoded(avro: Any, value: str) -> str:
    """The expression that turns a field into what fastavro writes."""
    if isinstance(avro, dict) and _is_record(str(avro.get("items", ""))):  # pyright: ignore
        return f"[item.to_avro() for item in {value}]"
    if isinstance(avro, str) and _is_record(avro):
        return f"{value}.to_avro()"
    return value


def _decoded(avro: Any, value: str) -> str:
    if isinstance(avro, dict) and _is_record(str(avro.get("items", ""))):  # pyright: ignore
        return f"[{_python_type(avro['items'])}.from_avro(item) for item in {value}]"
    if isinstance(avro, str) and _is_record(avro):
        return f"{_python_type(avro)}.from_avro({value})"
    return value


def _record(schema: dict[str, Any]) -> str:
    fields: list[dict[str, Any]] = schema["fields"]
    lines = [
        "@dataclass(frozen=True, slots=True, kw_only=True)",
        f"class {schema['name']}:",
        f'    """{schema["doc"]}"""',
        "",
    ]
    for item in fields:
        default = _default(item["default"]) if "default" in item else ""
        if default.startswith(" = field"):
            default = default.replace(
                "default_factory=" + type(item["default"]).__name__,
                "default_factory=" + _python_type(item["type"]),
            )
        lines.append(f"    {item['name']}: {_python_type(item['type'])}{default}")
        if "doc" in item:
            lines.append(f'    """{item["doc"]}"""')
    lines += ["", "    def to_avro(self) -> dict[str, Any]:", "        return {"]
    for item in fields:
        lines.append(
            f'            "{item["name"]}": {_encoded(item["type"], "self." + item["name"])},'
        )
    lines += ["        }", "", "    @classmethod"]
    lines += [
        f"    def from_avro(cls, datum: dict[str, Any]) -> {schema['name']}:",
        "        return cls(",
    ]
    for item in fields:
        value = _decoded(item["type"], f'datum["{item["name"]}"]')
        lines.append(f"            {item['name']}={value},")
    return "\n".join([*lines, "        )", ""])


def generate() -> str:
    """The text of `events.py` for the schemas as they are now."""
    blocks = [HEADER]
    for name in in_dependency_order():
        schema = declaration(name)
        if schema["type"] == "enum":
            symbols = ", ".join(f'"{symbol}"' for symbol in schema["symbols"])
            blocks.append(f'{name} = Literal[{symbols}]\n"""{schema["doc"]}"""\n')
        else:
            blocks.append(_record(schema))
    return "\n\n".join(blocks).replace("\n\n\n\n", "\n\n\n")


def main() -> int:
    """Write the file, or with `--check` say whether it is fresh."""
    text = generate()
    if "--check" in sys.argv:
        return 0 if TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
