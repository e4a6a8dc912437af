"""A git repository that is followed: the files of a branch's newest commit, marked by their blobs.

`git` itself speaks to it, with whatever keys and helpers its user has. What is fetched is kept in a
bare clone; a branch there moves only once all of its objects are here, so a fetch that is cut short
shows the commit before.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from processors.documents.sources import Content, Item, Listing, Unread
from streams.flow.errors import UserError

FETCH_S = 600.0
OURS = "refs/millrace/followed"
_SECRET = re.compile(r"://[^/@]*:[^/@]*@")
_LFS = b"version https://git-lfs.github.com/spec/"
_LINK, _MODULE = "120000", "160000"


class _Entry(NamedTuple):
    mode: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class _Changed:
    """The commit that changed a file last, and when it was made (milliseconds)."""

    commit: str
    at: int


class Repository:
    """The files at a branch, tag or other reference of a repository; HEAD where none is named."""

    def __init__(self, url: str, reference: str, clones: Path, name: str = "") -> None:
        if _SECRET.search(url):
            raise UserError(
                "the repository's address has a password in it, which every list of processes "
                "would show: give it to git's credential helper, and leave it out of the address"
            )
        if Path(url).exists():  # it is remembered by this, wherever we are called
            url = str(Path(url).absolute())
        self._url = url
        self._reference = reference or "HEAD"
        self.name = name or f"git+{url}#{self._reference}"
        clone = hashlib.sha256(f"{url}\0{self._reference}".encode()).hexdigest()[:16]
        self._clone = clones.absolute() / f"{clone}.git"
        self._entries: dict[str, _Entry] = {}
        self._changed: dict[str, _Changed] = {}
        self._logged = ""  # the commit up to which `_changed` is known
        self._commit = ""

    def listing(self) -> Listing:
        """The newest commit, fetched now."""
        self._fetch()
        self._commit = self._git("rev-parse", "--verify", f"{OURS}^{{commit}}").decode().strip()
        self._entries = {}
        items: dict[str, Item] = {}
        left: dict[str, str] = {}
        for line in self._git("ls-tree", "-r", "-z", "-l", "--full-tree", self._commit).split(
            b"\0"
        ):
            if not line:
                continue
            told, _, path = line.partition(b"\t")
            mode, _, blob, size = told.decode().split()
            name = os.fsdecode(path)
            if any(part.startswith(".") for part in name.split("/")):
                continue
            if mode == _LINK:
                left[name] = "is a symbolic link: feed the file it leads to"
            elif mode == _MODULE:
                left[name] = "is a submodule: follow its repository by itself"
            else:
                self._entries[name] = _Entry(mode, blob, int(size))
                items[name] = Item(blob, int(size))
        return Listing(items, {}, left)

    def read(self, name: str) -> Content:
        entry = self._entries[name]
        data = self._git("cat-file", "blob", entry.blob)
        if data.startswith(_LFS):
            raise Unread("is only a pointer to a file in Git LFS: follow where those are kept")
        self._log()
        changed = self._changed.get(name, _Changed(self._commit, 0))
        return Content(data, entry.blob, changed.at, name, {"commit": changed.commit})

    def wait(self, seconds: float) -> None:
        """A repository tells nobody of its commits."""
        time.sleep(seconds)

    def _fetch(self) -> None:
        if shutil.which("git") is None:
            raise UserError("git is not installed: install it to follow a repository")
        self._clone.mkdir(parents=True, exist_ok=True)
        self._run(["init", "--quiet", "--bare"])  # mends what a killed one left, too
        done = self._run(
            [
                # One that hangs gives up; collecting garbage leaves no process behind.
                *("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"),
                *("-c", "gc.autoDetach=false"),
                *("fetch", "--quiet", "--no-tags", "--force", "--"),
                self._url,
                f"+{self._reference}:{OURS}",
            ]
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UserError(
                f"{self._reference} of {self._url} cannot be fetched "
                f"({said[0] if said else f'exit code {done.returncode}'}): nothing of it is "
                "removed; check the address, the branch and git's credentials"
            )

    def _log(self) -> None:
        """Which commit changed each file last, as this branch tells it."""
        if self._logged == self._commit:
            return
        span = self._commit
        if (
            self._logged
            and not self._run(
                ["merge-base", "--is-ancestor", self._logged, self._commit]
            ).returncode
        ):
            span = f"{self._logged}..{self._commit}"
        else:
            self._changed = {}
        found: dict[str, _Changed] = {}
        commit = _Changed("", 0)
        # A merge counts as the change that it brought to this branch. A path has no line behind a
        # NUL that could be taken for a commit: those begin with a second one.
        log = self._git(
            *("log", "-z", "-m", "--first-parent", "--no-renames", "--name-only"),
            *("--format=%x00%H %ct", span, "--"),
        )
        fields = iter(log.split(b"\0"))
        for field in fields:
            if field:
                found.setdefault(os.fsdecode(field.lstrip(b"\n")), commit)
                continue
            head = next(fields, b"")
            if head:
                sha, _, seconds = head.decode().partition(" ")
                commit = _Changed(sha, int(seconds) * 1000)
        self._changed |= found
        self._logged = self._commit

    def _git(self, *words: str) -> bytes:
        done = self._run(list(words))
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise UserError(
                f"the clone of {self._url} cannot be read ({said}): remove {self._clone}, it is "
                "fetched anew"
            )
        return done.stdout

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        asking_nobody = {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": str(self._clone)}
        ssh = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
        try:
            return subprocess.run(
                ["git", *words],
                env=ssh | dict(os.environ) | asking_nobody | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=FETCH_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"git gave no answer from {self._url} in {FETCH_S:.0f} s: nothing of it is removed"
            ) from None
