"""The folder of an embedded index: generations of it, of which the newest whole one counts.

A generation is a folder with a number: a shard, and what its chunks say word by word. It counts
from the moment an empty file says that it is whole, and who opens the folder removes what does not
count. So a death in the midst of a rewrite leaves the former generation or the new one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from streams.flow.errors import UserError

WORDS = "words.sqlite"
UNFINISHED = "new"  # the first generation, while it is made: it gets its name when it is whole
_WHOLE = "whole"
_LOCK = "lock"
_TRIES = 5

log = logging.getLogger("millrace.index")


def hold(path: Path) -> IO[bytes]:
    """The folder, for this process alone until the file is closed; made where there is none.

    Raises:
        UserError: another process has it, or it cannot be opened.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / _LOCK).open("ab")
    except OSError as error:
        raise _closed(path, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(
            f"the index in {path} is in use by another process: stop that one first"
        ) from None
    except OSError as error:  # a disk of another machine may know no locks
        file.close()
        raise _closed(path, error) from None
    return file


def _closed(path: Path, error: OSError) -> UserError:
    return UserError(
        f"the index in {path} cannot be opened ({error.strerror or error}): mend the permissions "
        "of its folder, which the worker's user must own, or name another with MILLRACE_DATA"
    )


def newest(path: Path) -> Path | None:
    """The generation that counts."""
    return max((each for each in _all(path) if (each / _WHOLE).exists()), key=_number, default=None)


def empty(path: Path) -> bool:
    """Whether there never was one."""
    return {each.name for each in path.iterdir()} <= {_LOCK, UNFINISHED}


def after(generation: Path) -> Path:
    """Where the next one is made; removed first, what was left there."""
    path = generation.with_name(f"{_number(generation) + 1}")
    shutil.rmtree(path, ignore_errors=True)
    return path


def first(path: Path) -> Path:
    """What was made as `UNFINISHED` counts."""
    made = path / UNFINISHED
    (made / _WHOLE).touch()
    sync(made)
    generation = made.rename(path / "1")
    sync(path)
    return generation


def declare(generation: Path) -> None:
    """It counts from here on, and through the machine's death."""
    for folder, _, _ in os.walk(generation):
        sync(Path(folder))
    (generation / _WHOLE).touch()
    sync(generation)
    sync(generation.parent)


def only(generation: Path) -> None:
    """Remove all others."""
    for other in (*_all(generation.parent), generation.with_name(UNFINISHED)):
        if other != generation and other.exists():
            # What is half removed does not count.
            (other / _WHOLE).unlink(missing_ok=True)
            _remove(other)


def _remove(folder: Path) -> None:
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)  # a thread of the engine was just making a file there
    log.error("deleted text stays in the folder", extra={"index": str(folder)})


def sync(folder: Path) -> None:
    """The names in a folder survive the machine's death."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _all(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.name.isdecimal() and each.is_dir()]


def _number(generation: Path) -> int:
    return int(generation.name)


def sync_log(generation: Path) -> None:
    """What was written to its shard survives the machine's death."""
    for file in (generation / "wal").iterdir():
        # The engine's own thread may just be making the next, empty, segment.
        with suppress(FileNotFoundError), file.open("rb") as wal:
            os.fsync(wal.fileno())  # lets other threads go on meanwhile
