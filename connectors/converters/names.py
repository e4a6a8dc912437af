"""The ids of files that are fed together: two files never have one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CORPUS = ("corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.xz")


@dataclass(frozen=True, slots=True)
class Ids:
    """`clashes` has, by the name that several files would have, where those files are."""

    clashes: dict[str, list[Path]]

    def of(self, file: Path, name: str) -> str:
        """The id of a file called `name`: with so much of its path that no other has it."""
        others = [each for each in self.clashes.get(name, ()) if each != file]
        if not others:
            return name
        parts = file.parts
        for length in range(len(Path(name).parts) + 1, len(parts)):
            tail = parts[-length:]
            if all(each.parts[-length:] != tail for each in others):
                return "/".join(tail)
        return file.as_posix().lstrip("/")


def apart(paths: Iterable[str]) -> Ids:
    """What files of these paths would have one id.

    The same file twice is one. A single path has no two files of one name.
    """
    named = [Path(path) for path in paths if path != "-"]
    found: dict[str, list[Path]] = {}
    for path in named if len(named) > 1 else ():
        for name, file in _files(path):
            known = found.setdefault(name, [])
            if (place := file.resolve()) not in known:
                known.append(place)
    return Ids({name: files for name, files in found.items() if len(files) > 1})


def corpus_of(folder: Path) -> Path | None:
    """The corpus of a BEIR data set; None where the folder is none."""
    return next((folder / each for each in CORPUS if (folder / each).is_file()), None)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
    elif path.is_dir() and corpus_of(path) is None:
        for place, inner, names in os.walk(path):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in names:
                file = Path(place, name)
                if not name.startswith(".") and not file.is_symlink():
                    yield file.relative_to(path).as_posix(), file
