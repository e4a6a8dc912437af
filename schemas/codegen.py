"""Writes `schemas/events.py` and what it gathers from `schemas/avro`: `python -m schemas.codegen`.

Several files hold the classes, so that each stays one a person reads; `events.py` names them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from schemas.catalog import NAMESPACE, declaration, in_dependency_order, references

FOLDER = Path(__file__).parent
INDENT = " " * 12
WIDTH = 100
PRIMITIVES = {
    "string": "str",
    "long": "int",
    "int": "int",
    "double": "float",
    "float": "float",
    "boolean": "bool",
    "bytes": "bytes",
}
GENERATED = "Generated from schemas/avro by `python -m schemas.codegen`: do not edit."
HEADER = '''"""Typed events {about}.

{generated}
"""

from __future__ import annotations

from dataclasses import {dataclasses}
from typing import {typing}
{imports}'''


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


def _perhaps(avro: Any) -> str:
    """The record that a field may be, where null is the other thing."""
    if isinstance(avro, list) and avro[0] == "null" and _is_record(str(avro[1])):  # pyright: ignore
        return str(avro[1])  # pyright: ignore
    return ""


def _encoded(avro: Any, value: str) -> str:
    """The expression that turns a field into what fastavro writes."""
    if _perhaps(avro):
        return f"{value} and {value}.to_avro()"
    if isinstance(avro, dict) and _is_record(str(avro.get("items", ""))):  # pyright: ignore
        return f"[item.to_avro() for item in {value}]"
    if isinstance(avro, str) and _is_record(avro):
        return f"{value}.to_avro()"
    return value


def _decoded(avro: Any, value: str) -> str:
    if record := _perhaps(avro):
        return f"{value} and {_decoded(record, value)}"
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
    encoded = [f'"{i["name"]}": {_encoded(i["type"], "self." + i["name"])},' for i in fields]
    lines += ["", "    def to_avro(self) -> dict[str, Any]:", "        return {"]
    lines += [*_filled(encoded), "        }", "", "    @classmethod"]
    lines += [f"    def from_avro(cls, datum: dict[str, Any]) -> {schema['name']}:"]
    lines += [*_built(fields), "        return cls(**datum)"]
    return "\n".join([*lines, ""])


def _built(fields: list[dict[str, Any]]) -> list[str]:
    """Statements that turn the records within a datum into events; all else is there as it is."""
    places = [(f'datum["{item["name"]}"]', item["type"]) for item in fields]
    return [
        f"        {place} = {decoded}"
        for place, avro in places
        if (decoded := _decoded(avro, place)) != place
    ]


def _filled(parts: list[str]) -> list[str]:
    """Parts on as few lines as they need."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= WIDTH:
            lines[-1] += " " + part
        else:
            lines.append(INDENT + part)
    return lines


def _class(name: str) -> str:
    schema = declaration(name)
    if schema["type"] == "record":
        return _record(schema)
    symbols = ", ".join(f'"{symbol}"' for symbol in schema["symbols"])
    return f'{name} = Literal[{symbols}]\n"""{schema["doc"]}"""\n'


def _import(module: str, names: Iterable[str]) -> str:
    listed = "".join(f"    {name},\n" for name in sorted(names))
    return f"from schemas.{module} import (\n{listed})\n"


def _module(about: str, names: list[str], home: Mapping[str, str]) -> str:
    """A file of classes; `home` says of every name which file it is in."""
    body = "\n\n".join(map(_class, names))
    held = {other for name in names for other in references(declaration(name))} - {*names}
    imports = [
        _import(module, (name for name in held if home[name] == module))
        for module in sorted({home[name] for name in held})
    ]
    head = HEADER.format(
        about=about,
        generated=GENERATED,
        dataclasses="dataclass, field" if "field(" in body else "dataclass",
        typing="Any, Literal" if "Literal[" in body else "Any",
        imports="".join(["\n", *imports]) if imports else "",
    )
    return f"{head}\n\n{body}"


def _groups() -> dict[str, tuple[str, list[str]]]:
    """Module to what it is about and the names in it, each after what it refers to."""
    ordered = in_dependency_order()

    def made_of(start: Callable[[str], bool]) -> set[str]:
        """What begins so, and all that it is made of."""
        found: set[str] = set()
        for name in reversed(ordered):
            if start(name) or name in found:
                found |= {name, *references(declaration(name))}
        return found

    documents = made_of(lambda name: name.startswith("Document"))
    letters = made_of(lambda name: name == "DeadLettered")
    questions = [name for name in ordered if name not in documents | letters]
    held = {other for name in questions for other in references(declaration(name))}
    return {
        "document_events": ("of documents", [n for n in ordered if n in documents]),
        "question_records": ("that events of questions hold", [n for n in questions if n in held]),
        "question_events": ("of questions", [n for n in questions if n not in held]),
        "dead_letters": ("of what failed", [n for n in ordered if n in letters]),
    }


def generate() -> dict[str, str]:
    """File name to text, for the schemas as they are now."""
    groups = _groups()
    home = {name: module for module, (_, names) in groups.items() for name in names}
    files = {f"{module}.py": _module(*group, home) for module, group in groups.items()}
    imports = "".join(_import(module, groups[module][1]) for module in sorted(groups))
    listed = "".join(f'    "{name}",\n' for name in sorted(home))
    about = f'"""Every typed event. {GENERATED}"""'
    files["events.py"] = f"{about}\n\n{imports}\n__all__ = [\n{listed}]\n"
    return files


def stale() -> list[str]:
    """Names of generated files that are not as they should be."""
    return [
        name
        for name, text in generate().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the files, or with `--check` say which are stale."""
    if "--check" in sys.argv:
        for name in stale():
            print(f"schemas/{name} is stale: run python -m schemas.codegen", file=sys.stderr)
        return 1 if stale() else 0
    for name, text in generate().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
