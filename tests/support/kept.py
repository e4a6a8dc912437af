"""Sources that a test changes: a folder, a git repository, a bucket in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from obstore.store import MemoryStore

from connectors.sources.bucket import Bucket
from connectors.sources.folder import Folder
from connectors.sources.repository import Repository
from processors.documents.sources import Source


class Kept(Protocol):
    """What somebody else keeps; `done` makes what was changed visible."""

    @property
    def source(self) -> Source: ...
    def put(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...
    def done(self) -> None: ...


class KeptFolder:
    def __init__(self, root: Path) -> None:
        self.path = root / "folder"
        self.path.mkdir()
        self.source = Folder(self.path)

    def put(self, name: str, data: bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def done(self) -> None:
        """It is at once."""


def git(folder: Path, *words: str, at: int = 1_700_000_000) -> str:
    """Run git there, as one who commits at a time in seconds."""
    who = {
        f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    times = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=os.environ | who | times, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


class KeptRepository:
    def __init__(self, root: Path) -> None:
        self.path = root / "repository"
        self.path.mkdir()
        self.at = 1_700_000_000
        git(self.path, "init", "--quiet", "--initial-branch=main")
        git(self.path, "commit", "--quiet", "--allow-empty", "-m", "begun")
        self.clones = root / "clones"
        self.source = Repository(str(self.path), "main", self.clones)

    def put(self, name: str, data: bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def done(self) -> None:
        self.at += 60
        git(self.path, "add", "--all", at=self.at)
        git(self.path, "commit", "--quiet", "--allow-empty", "-m", "changed", at=self.at)


class KeptBucket:
    def __init__(self, root: Path) -> None:
        self.store = MemoryStore()
        self.source = Bucket(lambda: self.store, "s3://handbook/kb")

    def put(self, name: str, data: bytes) -> None:
        self.store.put(f"kb/{name}", data)

    def remove(self, name: str) -> None:
        self.store.delete(f"kb/{name}")

    def done(self) -> None:
        """It is at once."""


KINDS: dict[str, Callable[[Path], Kept]] = {
    "folder": KeptFolder,
    "repository": KeptRepository,
    "bucket": KeptBucket,
}
