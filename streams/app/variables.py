"""What the sections of the settings are called as variables, and which of them are secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, SecretStr

from streams.app.ports import SECTIONS
from streams.flow.masking import masked
from streams.flow.section import Section, Table

PREFIX = "MILLRACE_"
BETWEEN = "__"  # a section and its field, an entry's name between them
TABLES: Mapping[str, type[BaseModel]] = {
    name: section.entry for name, section in SECTIONS.items() if issubclass(section, Table)
}


def names_of() -> set[str]:
    """The variables of all sections but tables."""
    return {
        f"{PREFIX}{name}{BETWEEN}{field}".upper()
        for name, section in SECTIONS.items()
        if name not in TABLES
        for field in section.model_fields
    }


def entry_patterns(*, secret: bool) -> list[str]:
    """What the variables of entries look like, as regular expressions: secrets, or the others."""
    found: list[str] = []
    for name in TABLES:
        hidden = secret_fields(SECTIONS[name])
        fields = [f for f in TABLES[name].model_fields if (f in hidden) == secret]
        said = "|".join(field.upper() for field in fields)
        found.append(f"^{PREFIX}{name.upper()}{BETWEEN}[A-Z][A-Z0-9]*{BETWEEN}({said})$")
    return found


def is_entry(variable: str) -> bool:
    """Whether this is one of a table's entry."""
    patterns = entry_patterns(secret=False) + entry_patterns(secret=True)
    return any(re.fullmatch(each, variable) for each in patterns)


def secret_fields(section: type[Section]) -> list[str]:
    """The fields of a section, or of its entries, that are secrets."""
    fields = (section.entry if issubclass(section, Table) else section).model_fields
    return [
        name
        for name, field in fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    ]


def told(
    begin: str,
    section: type[Section],
    own: BaseModel,
    values: Mapping[str, object],
    *,
    hidden: bool,
) -> dict[str, str]:
    """The variables of some `values` of a section or entry, whose names begin so.

    Where its secrets are `hidden`, they are left out, and passwords in addresses are.
    """
    secrets = secret_fields(section)
    found: dict[str, str] = {}
    for field, value in values.items():
        if field in secrets:
            if hidden:
                continue
            value = getattr(own, field).get_secret_value()
        elif hidden and isinstance(value, str):
            value = masked(value)  # an address, of what that process never calls
        found[f"{begin}{BETWEEN}{field.upper()}"] = as_text(value)
    return found


def as_text(value: object) -> str:
    """A value as a variable has it."""
    return value if isinstance(value, str) else json.dumps(value)
