"""The seal of a shard's folder: what was in each file when it was closed.

The engine believes its files. So what they hold is written down when it lets go of them, and looked
at before it is given them again. A folder that nobody closed has no seal: then what is stored is
read through instead.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NAME = "sealed.json"
_BLOCK = 1 << 16
_NOTHING = bytes(_BLOCK)


def close(folder: Path) -> None:
    """Seal it. A disk that is full, or a file that just goes, leaves it without."""
    new = folder / f"{NAME}.new"
    try:
        found = {name: _digest(folder / name) for name in _files(folder)}
        body = json.dumps(found, sort_keys=True)
        mark = hashlib.blake2b(body.encode()).hexdigest()
        with new.open("w") as file:
            file.write(json.dumps({"mark": mark, "files": body}))
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / NAME)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def broken(folder: Path) -> str | None:
    """The first file that is not as it was; empty: all are; None: there is no seal to tell."""
    try:
        said = json.loads((folder / NAME).read_text())
        body = said["files"]
        if hashlib.blake2b(body.encode()).hexdigest() != said["mark"]:
            return None
        files: dict[str, str] = json.loads(body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    for name, digest in files.items():
        try:
            if _digest(folder / name) != digest:
                return name
        except OSError:
            return name
    return ""


def open_(folder: Path) -> None:
    """Break it: from now on the files change."""
    (folder / NAME).unlink(missing_ok=True)


def _files(folder: Path) -> list[str]:
    found = (file for file in folder.rglob("*") if file.is_file())
    names = (file.relative_to(folder).as_posix() for file in found)
    return sorted(name for name in names if not name.startswith(NAME))


def _digest(file: Path) -> str:
    """Of its size and of what is not zero: the engine's files are mostly holes."""
    digest = hashlib.blake2b(str(file.stat().st_size).encode())
    for at, block in _blocks(file):
        digest.update(b"%d:" % at)
        digest.update(block)
    return digest.hexdigest()


def _blocks(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb", buffering=0) as data:
        at = 0
        while True:
            try:  # over holes; a copy may have none where the original had
                at = os.lseek(data.fileno(), at, os.SEEK_DATA) // _BLOCK * _BLOCK
            except OSError:  # there is no more
                return
            data.seek(at)
            block = data.read(_BLOCK)
            if not block:
                return
            if block != _NOTHING[: len(block)]:
                yield at, block
            at += len(block)
