"""Looks for a pattern in the parts of a workbook without holding one in memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

_WINDOW = 1 << 20
_OVERLAP = 512


def in_xml(data: bytes, begin: str, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Where the pattern stands in the parts of a workbook whose names begin so."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        for name in book.namelist():
            if not name.startswith(begin):
                continue
            with book.open(name) as part:
                rest = b""
                while piece := part.read(_WINDOW):
                    window = rest + piece
                    end = 0
                    for found in pattern.finditer(window):
                        yield found
                        end = found.end()
                    rest = window[max(end, len(window) - _OVERLAP) :]
