"""The policy in force: in process, followed as its folder changes, closed where it fails."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.rego.compiled import Compiled
from connectors.rego.source import Source, UnusableError, read
from processors.guard.decision import Ask, Decision, unavailable
from streams.flow.port import Watch, unwatched

_log = logging.getLogger(__name__)

POLL_S = 2.0
PEER = "policy"  # as the metric of what is away names it
# A rule that takes for ever cannot be stopped in process: it is tried in another one first.
TRIAL_S = 15.0


class RegoPolicy:
    """Decides by the Rego of a policies folder. Opens nothing until `open`.

    What changes there is tried in a process of its own and then takes the old one's place; what
    does not compile, or takes too long, leaves the old one in force and is told. Where there never
    was one that could be used, everything is refused.
    """

    def __init__(
        self,
        folder: Path,
        *,
        poll_s: float = POLL_S,
        tried: bool = True,
        watch: Watch = unwatched,
        peer: str = PEER,
    ) -> None:
        self._peer = peer
        self._folder = folder
        self._poll_s = poll_s
        self._tried = tried  # whether a policy is tried before it is in force at first
        self._watch = watch
        self._compiled: Compiled | None = None
        self._why = "it was not loaded yet"
        self._seen: str = ""  # of what was looked at last, good or bad
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Self:
        """Load what is there and follow it from now on."""
        self.look(tried=self._tried)
        self._thread = threading.Thread(target=self._follow, name="policy", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Follow it no more. Closing twice is harmless."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(TRIAL_S)
            self._thread = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        """See `Policy.decide`."""
        compiled = self._compiled  # once: another may be in force in a moment
        return unavailable(self._why) if compiled is None else compiled.decide(ask, about)

    @property
    def mark(self) -> str:
        """The hash of the policy in force; empty where there is none."""
        return "" if self._compiled is None else self._compiled.mark

    def look(self, *, tried: bool = True) -> bool:
        """Whether another policy is in force than before."""
        try:
            source = read(self._folder)
            if source.mark == self._seen:
                if self._why and source.mark == self.mark:  # it could not be read for a moment
                    self._level()
                return False
            self._seen = source.mark
            if tried:
                _try(self._folder, source)
            compiled = Compiled(source)
        except UnusableError as error:
            self._keep(str(error))
            return False
        except OSError as error:  # nothing can be tried now, which says nothing of the policy
            self._seen = ""
            self._keep(f"it cannot be tried: {error}")
            return False
        changed = source.mark != self.mark
        self._compiled = compiled
        self._level()
        _log.info("a policy is in force", extra={"policy": source.mark})
        return changed

    def _level(self) -> None:
        """What is in force is what the folder has."""
        self._why = ""
        self._watch(self._peer, False)

    def _keep(self, why: str) -> None:
        if why == self._why:
            return
        self._why = why
        self._watch(self._peer, True)
        _log.error(
            "the policy cannot be used: the last good one stays in force"
            if self._compiled
            else "the policy cannot be used: everything is refused until it can",
            extra={"folder": str(self._folder), "reason": why, "policy": self.mark},
        )

    def _follow(self) -> None:
        while not self._ended.wait(self._poll_s):
            self.look()


def _try(folder: Path, source: Source) -> None:
    """Ask it a few things in another process.

    Raises:
        UnusableError: it is too slow, does not compile, or is another by now.
    """
    command = [sys.executable, "-m", "connectors.rego.trial", str(folder), source.mark]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnusableError(f"a decision takes more than {TRIAL_S:.0f} s") from None
    if done.returncode:
        lines = done.stdout.strip().splitlines()
        raise UnusableError(lines[-1] if lines else f"its trial ended with {done.returncode}")
