"""Secrets by reference: `${env:NAME}` and `${file:PATH:KEY}`, as Connect reads them."""

from __future__ import annotations

import os
from pathlib import Path

from processors.documents.databases import REFERENCE, Database
from streams.flow.errors import UserError


def password(database: Database, known: str = "") -> str:
    """The password of a database for who reads it from here; `known` has the first word.

    Raises:
        UserError: the reference means nothing here.
    """
    if known:
        return known
    match = REFERENCE.fullmatch(database.password)
    assert match is not None
    found = _of_env(match["rest"]) if match["provider"] == "env" else None
    if match["provider"] == "file":
        found = _of_file(match["rest"])
    if found is None:
        raise UserError(
            f"the password of database {database.name} is {database.password}, which means nothing "
            "on this machine: set MILLRACE_CDC__DATABASE_PASSWORD"
        )
    return found


def _of_env(name: str) -> str | None:
    return os.environ.get(name)


def _of_file(said: str) -> str | None:
    """The value of a key in a properties file."""
    path, _, key = said.rpartition(":")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        name, between, value = line.partition("=")
        if between and name.strip() == key:
            return value.strip()
    return None
