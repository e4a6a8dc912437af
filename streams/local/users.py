"""Who is who at the embedded broker, where it asks: users, and files with their passwords."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from streams.app.ports import BrokerSettings
from streams.app.settings import Settings
from streams.local.child import OWN_FOLDER, write_atomically

ADMIN = "broker"  # its own user, and the supervisor's: it may do everything


def file_of(data: Path, user: str) -> Path:
    """Where the user's password stands."""
    return data / "users" / user


def password_of(data: Path, user: str) -> str:
    """The user's password; made where there is none yet. Raises OSError where it cannot be."""
    file = file_of(data, user)
    if not file.exists():
        file.parent.mkdir(mode=OWN_FOLDER, exist_ok=True)
        write_atomically(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="ascii")


def being(settings: Settings, user: str) -> Settings:
    """These settings, as that user of the embedded broker."""
    file = file_of(settings.data.absolute(), user)
    mechanism = "plain" if user == ADMIN else "scram-sha-512"
    known: dict[str, Any] = {"user": user, "password_file": file, "mechanism": mechanism}
    return settings.model_copy(update={"broker": BrokerSettings(**known)})
