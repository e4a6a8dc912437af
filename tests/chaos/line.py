"""A line to a server that can be slow or cut."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

PIECE = 65536


class Line:
    """Passes what comes on `port` to a port of this machine, and back.

    `delay_s` is what each piece of the way there takes; while it is `cut`, what is open is closed
    and nobody gets in.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.delay_s = 0.0
        self._cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def cut(self) -> bool:
        return self._cut

    @cut.setter
    def cut(self, value: bool) -> None:
        self._cut = value
        if value:
            with self._lock:
                gone, self._open = self._open, set()
            for each in gone:
                _close(each)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._server)
        self.cut = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:  # closed
                return
            if self.cut:
                _close(client)
                continue
            try:
                behind = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                _close(client)
                continue
            behind.settimeout(None)
            with self._lock:
                self._open |= {client, behind}
            for pair, slow in (((client, behind), True), ((behind, client), False)):
                threading.Thread(target=self._pump, args=(*pair, slow), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, slow: bool) -> None:
        with suppress(OSError):
            while data := one.recv(PIECE):
                if slow and self.delay_s:
                    time.sleep(self.delay_s)
                other.sendall(data)
        for each in (one, other):
            with self._lock:
                self._open.discard(each)
            _close(each)


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
