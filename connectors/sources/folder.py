"""A folder that is followed: its files are its items, marked by their content."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.converters.sources import LINK, names_in
from processors.documents.sources import Content, Item, Listing, Unread
from streams.flow.errors import UserError

BLOCK = 1024 * 1024
LOOK_MS = 200  # how often the watcher lets go, to see whether its time is over


class _Stand(NamedTuple):
    """What tells at once that a file is as it was."""

    size: int
    changed_ns: int  # its content
    touched_ns: int  # whatever of it, a rename onto it too
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Stand:
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Folder:
    """The files below a folder. A name is the path below it."""

    def __init__(self, path: Path, name: str = "") -> None:
        self._path = path.absolute()
        self.name = name or str(self._path)
        self._marks: dict[str, tuple[_Stand, str]] = {}
        self._watched: tuple[tuple[int, int], Iterator[object]] | None = None

    def listing(self) -> Listing:
        """All files; one that did not change since the last time is not read again."""
        self._identity()
        failed: list[OSError] = []
        items: dict[str, Item] = {}
        unseen: dict[str, str] = {}
        left: dict[str, str] = {}
        for path, inside, is_link in names_in(self._path, failed):
            if is_link:
                left[inside] = LINK
                continue
            try:
                if not path.is_file():  # reading a pipe would wait for whoever writes it
                    left[inside] = "is no regular file"
                    continue
                items[inside] = self._item(path, inside)
            except FileNotFoundError:
                continue  # it went while we looked
            except OSError as error:
                unseen[inside] = f"cannot be read: {error.strerror}"
        for error in failed:
            place = os.path.relpath(str(error.filename), self._path)
            unseen["" if place == "." else place] = f"cannot be listed: {error.strerror}"
        self._identity()  # it may have been unmounted meanwhile
        self._marks = {name: self._marks[name] for name in items}
        return Listing(items, unseen, left)

    def read(self, name: str) -> Content:
        path = self._path / name
        try:
            data = path.read_bytes()
            changed = path.stat().st_mtime_ns // 1_000_000
        except OSError as error:
            raise Unread(f"cannot be read: {error.strerror}") from None
        return Content(data, hashlib.sha256(data).hexdigest(), max(changed, 0), path.name)

    def wait(self, seconds: float) -> None:
        """Return once something below the folder changed; hidden files do not count."""
        now = self._identity()
        if self._watched is None or self._watched[0] != now:
            # What changed before there was a watcher, or below a folder that took this one's
            # place, is found by looking: so not even one wait is for nothing.
            watcher = self._watch()
            next(watcher)
            self._watched = now, watcher
            return
        until = time.monotonic() + seconds
        while time.monotonic() < until and not next(self._watched[1]):
            pass

    def _watch(self) -> Iterator[object]:
        try:
            from watchfiles import watch
        except ImportError:
            raise UserError(
                "watching a folder needs watchfiles: pip install 'millrace[feeds]', or look once "
                "with --once"
            ) from None

        def seen(_: object, path: str) -> bool:
            return not any(
                part.startswith(".") for part in Path(path).relative_to(self._path).parts
            )

        return watch(
            self._path,
            watch_filter=seen,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=True,
            ignore_permission_denied=True,
        )

    def _item(self, path: Path, inside: str) -> Item:
        stand = _Stand.of(path.stat())
        known = self._marks.get(inside)
        if known is None or known[0] != stand:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            # Where it is being written, the next look finds it changed.
            known = self._marks[inside] = stand, digest
        return Item(known[1], stand.size)

    def _identity(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise UserError(
                f"the folder {self._path} cannot be looked at ({error.strerror}): nothing of it is "
                "removed; mount it, or make it readable"
            ) from None
        if not self._path.is_dir():
            raise UserError(f"{self._path} is no folder: name one, or feed it with `millrace feed`")
        return status.st_dev, status.st_ino
