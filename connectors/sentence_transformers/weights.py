"""A model's folder on this machine, and whether it holds what was pinned."""

from __future__ import annotations

import hashlib
from pathlib import Path

from streams.flow.errors import UserError

MIB = 1024 * 1024


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all its files, in hexadecimal.

    Hidden files, which tools leave there, are none of the model's.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{own}  {name.as_posix()}\n".encode())
    return whole.hexdigest()


def checked(folder: Path, pinned: str, setting: str) -> Path:
    """The folder, if it holds what is pinned. `setting` begins the names of both settings.

    Raises:
        UserError: it is none, holds no weights as safetensors, or others than are pinned.
    """
    if not folder.is_dir():
        raise UserError(f"{setting}__FOLDER is {folder}, which is no folder")
    if not any(folder.rglob("*.safetensors")):
        # Weights in other forms are programs: loading them runs what is in them.
        raise UserError(f"{setting}__FOLDER is {folder}, which has no weights as .safetensors")
    found = digest_of(folder)
    if not pinned:
        raise UserError(
            f"{setting}__DIGEST pins the weights: set it to {found} if those in {folder} are "
            "the ones you mean"
        )
    if found != pinned.lower():
        raise UserError(
            f"{folder} holds weights of digest {found[:12]}, and {setting}__DIGEST is "
            f"{pinned[:12]}: they are others than were pinned"
        )
    return folder


def torch_missing(setting: str) -> UserError:
    """What is said where the extra is not installed."""
    return UserError(
        f"{setting}__FOLDER is set, and sentence-transformers is not installed: "
        "pip install 'millrace[models]'"
    )
