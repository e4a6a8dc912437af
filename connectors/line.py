"""A connection that is cut at a deadline, whatever its peer does meanwhile.

An HTTP client's time-outs are of one read each: a server that sends a byte of its headers now and
then keeps a call for hours. So a call has a line of its own, whose socket is shut down when time is
up; that wakes whoever reads from it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator
from typing import Any

import httpx


class Line:
    """A client for one call at a time."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.cut = False
        self._stream: Any = None  # of the connection that it has

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """For the `trace` extension of a request: told of each connection that is made."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]

    @contextlib.contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Cut the line unless this ends before."""
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _cut(self) -> None:
        self.cut = True
        stream = self._stream
        with contextlib.suppress(OSError, AttributeError):
            found: socket.socket = stream.get_extra_info("socket")
            found.shutdown(socket.SHUT_RDWR)


class Lines:
    """As many as there are calls at once, kept for the next ones."""

    def __init__(
        self, timeout_s: float, headers: dict[str, str], *, trust_env: bool = True
    ) -> None:
        self._timeout_s = timeout_s
        self._headers = headers
        self._trust_env = trust_env  # whether the environment may name a proxy
        self._verify = httpx.create_ssl_context()
        self._lock = threading.Lock()
        self._idle: list[Line] = []

    @contextlib.contextmanager
    def one(self) -> Generator[Line]:
        """A line for one call; closed if that was cut."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
        if line is None:
            line = Line(
                httpx.Client(
                    timeout=self._timeout_s,
                    headers=self._headers,
                    verify=self._verify,
                    trust_env=self._trust_env,
                )
            )
        try:
            with line.within(self._timeout_s):
                yield line
        finally:
            if line.cut:
                line.client.close()
            else:
                with self._lock:
                    self._idle.append(line)

    def close(self) -> None:
        with self._lock:
            lines, self._idle = self._idle, []
        for line in lines:
            line.client.close()
