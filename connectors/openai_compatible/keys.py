"""A key as set, or as its file holds it now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from streams.flow.errors import Retry, UserError


def key_of(key: SecretStr, file: Path | None, setting: str) -> Callable[[], str]:
    """Gives the key at the time; of a file it is read again once that has changed.

    `setting` begins the names of both settings, which errors name.

    Raises:
        UserError: both are set, the file cannot be read, or what is there is no key.
    """
    said = key.get_secret_value()
    if file is None:
        if not said.isprintable() or not said.isascii():
            # Else the HTTP client would refuse it later, and show it.
            raise UserError(f"{setting}__KEY must be a key, in one line")
        return lambda: said
    if said:
        raise UserError(f"set {setting}__KEY or {setting}__KEY_FILE, not both")
    kept = _Kept(file, f"{setting}__KEY_FILE")
    try:
        kept()
    except Retry as error:
        raise UserError(str(error)) from None
    return kept


class _Kept:
    """What the file held when it was last written; a mounted secret is another file then."""

    def __init__(self, file: Path, setting: str) -> None:
        self._file, self._setting = file, setting
        self._written, self._key = (0, 0), ""

    def __call__(self) -> str:
        """Raises `Retry` where it holds no key now."""
        try:
            about = self._file.stat()
            written = (about.st_mtime_ns, about.st_ino)
            if written != self._written:
                self._key = self._read()
                self._written = written
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Retry(f"{self._setting}: {self._file} cannot be read: {said}") from None
        return self._key

    def _read(self) -> str:
        key = self._file.read_text(encoding="utf-8").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise Retry(f"{self._setting}: {self._file} must hold a key, in one line")
        return key
