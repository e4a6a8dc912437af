"""A secret of the settings: as it was set, or what a file holds that may change while we run."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from streams.flow.errors import UserError


def secret_of(setting: str, value: SecretStr, file: Path | None, what: str) -> str:
    """What `setting` says, or the file that `<setting>_FILE` names; empty where neither is set.

    Raises:
        UserError: both are set, the file cannot be read, or what is there is no `what` in one line.
    """
    said = value.get_secret_value()
    if file is None:
        if not said.isprintable() or not said.isascii():
            # Else a client would refuse it later, and show it.
            raise UserError(f"{setting} must be a {what}, in one line")
        return said
    if said:
        raise UserError(f"set {setting} or {setting}_FILE, not both")
    try:
        said = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"{setting}_FILE: {file} cannot be read: {why}") from None
    if not said or not said.isascii() or not said.isprintable():
        raise UserError(f"{setting}_FILE: {file} must hold a {what}, in one line")
    return said
