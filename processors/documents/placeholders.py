"""What Debezium sends in place of a long value that an update left alone, by the column's type."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import NamedTuple, cast
from uuid import UUID

from processors.documents.debezium_values import raw


class _Forms(NamedTuple):
    texts: frozenset[object]  # of texts, bytes and UUIDs, alone or as a list's item
    numbers: list[int]  # of lists of numbers or dates: its bytes
    pairs: dict[str, str]  # of hstore


def stands_in(value: object, placeholder: str) -> bool:
    """Whether this is the placeholder and no value."""
    value, forms = raw(value), _forms(placeholder)
    if isinstance(value, list):
        items = [raw(each) for each in cast("list[object]", value)]
        return items == forms.numbers or any(_is_text(each, forms) for each in items)
    if isinstance(value, dict):
        return value == forms.pairs
    return _is_text(value, forms)


def _is_text(value: object, forms: _Forms) -> bool:
    return isinstance(value, str) and value in forms.texts


@cache
def _forms(placeholder: str) -> _Forms:
    said = placeholder.encode()
    # Version 3 without a name space, as Java makes one of bytes.
    uuid = UUID(bytes=hashlib.md5(said, usedforsecurity=False).digest(), version=3)
    texts = {
        placeholder,
        base64.b64encode(said).decode(),
        base64.urlsafe_b64encode(said).decode(),
        str(uuid),
    }
    # A byte of Java's has a sign.
    return _Forms(
        frozenset(texts), [each - 256 * (each > 127) for each in said], {placeholder: placeholder}
    )
