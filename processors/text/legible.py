"""Characters that are seen as others, or not at all."""

from __future__ import annotations

import re

# Soft hyphens, zero-width spaces and marks; and letters that are set as one.
_ODD = re.compile("[\u00ad\u200b\u2060\ufeff\ufb00-\ufb06]")
_AS_SEEN = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
    "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip


def legible(text: str) -> str:
    """`text` in letters of their own, without characters that nobody sees."""
    if text.isascii():
        return text
    return _ODD.sub(lambda found: _AS_SEEN.get(found[0], ""), text)
