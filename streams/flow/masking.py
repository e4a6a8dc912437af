"""What may be said of an address: who has a password in it tells nobody."""

from __future__ import annotations

import re

HIDDEN = "***"
# Up to the last @ of an address: who forgot to escape one in a password is covered too.
_CREDENTIALS = re.compile(r"//[^/\s\"'<>]*@")


def masked(text: str) -> str:
    """Without the names and passwords of addresses in it."""
    return _CREDENTIALS.sub(f"//{HIDDEN}@", text)
