"""The parent's side of a process that parses files: it gives work, and ends what hangs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any, cast

from connectors import apart
from connectors.converters.errors import OUTCOMES, Unreadable
from connectors.converters.made import Limits, Made

_TRIES = 2  # a child may end for want of work in the moment it is given some
_ANSWER_SLACK = 1 << 20
_READ = 1 << 16


class _EndedError(Exception):
    """The child is gone without an answer."""

    def __init__(self, child: subprocess.Popen[bytes], said: str = "") -> None:
        try:
            code = child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            code = 0
        self.out_of_time = code == -signal.SIGXCPU
        said = said or "it closed its output"
        if code:
            said = f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
        super().__init__(said)


class Sandbox:
    """Converts in a child process that is started when first needed, and again when it has ended.

    One document at a time. A thread of `starter` starts the child: the kernel ends it with that.
    """

    def __init__(self, limits: Limits, starter: Executor) -> None:
        self._limits = limits
        self._starter = starter
        self._stopped = False
        self._child: subprocess.Popen[bytes] | None = None

    def convert(self, doc_type: str, data: bytes) -> Made:
        """What the converter of `doc_type` makes of `data`.

        Raises:
            Unreadable: it cannot be converted within the limits.
        """
        for attempt in range(_TRIES):
            try:
                return _made(self._ask(doc_type, data), self._limits)
            except _EndedError as ended:
                self.end()
                if ended.out_of_time:
                    reason = f"takes more than {self._limits.timeout_s:g} s to convert"
                    raise Unreadable("timed_out", reason) from None
                if attempt == _TRIES - 1 or self._stopped:
                    raise Unreadable("crashed", f"brought its converter down: {ended}") from None
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Make a conversion that is under way fail; of any thread."""
        self._stopped = True
        if (child := self._child) is not None:
            child.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            apart.command("connectors.converters.child", os.getpid()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=apart.environment() | {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            # Out of reach of the terminal's signals; in our session, where our priority counts.
            process_group=0,
        )

    def end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # of what it never read
                    pipe.close()

    def _ask(self, doc_type: str, data: bytes) -> dict[str, Any]:
        if self._child is not None and self._child.poll() is not None:
            self.end()
        if self._child is None:
            self._child = self._starter.submit(self._start).result()
            if self._stopped:  # meanwhile
                self._child.kill()
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        request = {"doc_type": doc_type, "size": len(data), "limits": asdict(self._limits)}
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n" + data)
            child.stdin.flush()
        except BrokenPipeError:
            raise _EndedError(child) from None
        return self._answer(child)

    def _answer(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        """The child's answer, read no longer and no further than the limits allow."""
        assert child.stdout is not None
        patience = self._limits.patience * self._limits.timeout_s
        until = time.monotonic() + patience
        most = 6 * self._limits.max_text_bytes + _ANSWER_SLACK  # JSON may escape a character in 6
        pieces: list[bytes] = []
        size, head = 0, b""
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                self.end()
                raise Unreadable("timed_out", f"took longer than {patience:g} s to convert")
            piece = os.read(child.stdout.fileno(), _READ)
            if not piece:
                raise _EndedError(child)
            pieces.append(piece)
            size += len(piece)
            if not head:
                if b"\n" not in piece:
                    if size > 20:
                        raise _EndedError(child, "it gave no answer")
                    pieces = [b"".join(pieces)]
                    continue
                head, _, rest = b"".join(pieces).partition(b"\n")
                pieces, size = [rest], len(rest)
                if not head.isdigit() or int(head) > most:
                    self.end()
                    raise Unreadable(
                        "too_large", f"has more than {self._limits.max_text_bytes:,} bytes of text"
                    )
            if size >= int(head):
                return json.loads(b"".join(pieces))


def _made(answer: Mapping[str, Any], limits: Limits) -> Made:
    """The answer as a value; no more is believed of it than that it is JSON."""
    if "outcome" in answer:
        outcome = answer["outcome"] if answer["outcome"] in OUTCOMES else "damaged"
        raise Unreadable(outcome, str(answer.get("reason", "")))
    body = str(answer.get("body", "")).encode("utf-8", "replace").decode()
    if len(body.encode()) > limits.max_text_bytes:
        raise Unreadable("too_large", f"has more than {limits.max_text_bytes:,} bytes of text")
    metadata = cast("dict[str, Any]", answer.get("metadata", {}))
    return Made(
        body,
        str(answer.get("title", "")).encode("utf-8", "replace").decode(),
        {str(key): str(each) for key, each in metadata.items()},
        tuple(str(each) for each in answer.get("unread", ())),
    )
