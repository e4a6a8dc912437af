"""A server that takes connections and never says a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Hanging:
    """What listens on `port`; `connections` are those that wait for it."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connections: list[socket.socket] = []

    def take(self) -> None:
        while True:
            try:
                self.connections.append(self._server.accept()[0])
            except OSError:  # closed
                return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in self.connections:
            each.close()


@contextmanager
def hanging() -> Iterator[Hanging]:
    """Such a server on a free port of this machine."""
    server = Hanging()
    thread = threading.Thread(target=server.take)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
