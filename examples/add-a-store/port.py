"""A vector cache of files. An example of a new store with a setting of its own.

Copy this file to `connectors/file_cache/port.py` (an empty `__init__.py` beside it), then change
one line of `streams/app/ports.py`: `_on(needs.CACHE, FileCacheSettings, cache),` and its import.

`MILLRACE_FILE_CACHE__FOLDER` is then a setting, and `embed` keeps its vectors there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.ports import VectorCache


class FileCacheSettings(Section):
    """Where vectors are kept."""

    section: ClassVar[str] = "file_cache"

    folder: Path = Field(default=Path("vectors"), description="A folder, below the data folder")


def cache(settings: FileCacheSettings, opening: Opening) -> VectorCache:
    """The folder, made where it is not there."""
    folder = opening.data / settings.folder
    folder.mkdir(parents=True, exist_ok=True)
    return FileCache(folder)


class FileCache:
    """`VectorCache`: a file for each vector. A file that is half written is read as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        files = [self._file(tenant, key) for key in keys]
        return [file.read_bytes() if file.exists() else None for file in files]

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None:
        for key, value in items.items():
            file = self._file(tenant, key)
            partial = file.with_suffix(".tmp")
            partial.write_bytes(value)
            partial.replace(file)

    def _file(self, tenant: str, key: str) -> Path:
        name = hashlib.blake2b(f"{tenant}\0{key}".encode(), digest_size=16).hexdigest()
        return self._folder / name
