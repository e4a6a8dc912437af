"""Measuring in a process of its own: requests and replies are JSON lines over its pipes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import IO, Any, Self

from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.child import lower_priority
from streams.local.worker_process import environment

STOP_TIMEOUT_S = 30.0


class Child:
    """A module of ours that `serve`s, run with exactly these settings. The constructor opens
    nothing; leaving the context ends the process."""

    def __init__(self, module: str, settings: Settings, *, nice: int = 0) -> None:
        self._module = module
        self._settings = settings
        self._nice = nice
        self._exits = ExitStack()
        self._said: IO[str] | None = None
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._said = self._exits.enter_context(tempfile.TemporaryFile("w+"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            env=environment(self._settings, [RedisSettings.section]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
        )
        if self._nice:
            lower_priority(self._process.pid, self._nice)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.stdout is not None:
            with suppress(OSError):
                process.stdin.close()  # the end of its requests
            try:
                process.wait(0 if error else STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        self._exits.close()

    def call(self, what: str, **given: object) -> Any:
        """One request, waited for.

        Raises:
            UserError: the process failed or ended; says what it said last.
        """
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        assert self._said is not None
        try:
            process.stdin.write(json.dumps({"what": what, "given": given}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            self._said.seek(0)
            said = self._said.read().strip().splitlines()
            raise UserError(f"{self._module} ended with: {said[-1] if said else 'nothing said'}")
        reply = json.loads(line)
        if "error" in reply:
            raise UserError(f"{self._module} failed: {reply['error']}")
        return reply["result"]


def serve(handlers: Mapping[str, Callable[..., Any]]) -> None:
    """Answer requests by these functions until there are no more."""
    replies = sys.stdout
    sys.stdout = sys.stderr  # whatever prints must not mix with the replies
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"result": handlers[request["what"]](**request["given"])}
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
