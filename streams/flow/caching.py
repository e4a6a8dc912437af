"""Where this user's computer keeps what can be fetched or made again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """Our folder of the user's cache, which may not be there yet, nor be writable."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "millrace"
    try:
        home = Path.home()
    except RuntimeError:  # a user whom the system does not know
        home = Path("/")
    return home / ".cache" / "millrace"


def kept(name: str, otherwise: Path) -> Path:
    """The folder `name` of the user's cache, made if it is missing.

    It is `otherwise`, not made, where that cannot be written, as in many containers.
    """
    folder = user_cache() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return otherwise
    return folder if os.access(folder, os.W_OK) else otherwise
