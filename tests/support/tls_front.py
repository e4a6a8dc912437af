"""TLS before a server that has none: what comes in encrypted goes on as it is, to loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"


@contextmanager
def tls_front(certificate: Path, behind: int) -> Iterator[int]:
    """Its port; `certificate` is the path of both certificate and key, without an ending."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
    with socket.create_server((LOOPBACK, 0)) as listening:
        threading.Thread(target=_serve, args=(listening, context, behind), daemon=True).start()
        yield listening.getsockname()[1]


def _serve(listening: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:  # closed
            return
        threading.Thread(target=_join, args=(plain, context, behind), daemon=True).start()


def _join(plain: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    with (
        plain,
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as line,
        socket.create_connection((LOOPBACK, behind)) as server,
    ):
        back = threading.Thread(target=_pump, args=(server, line), daemon=True)
        back.start()
        _pump(line, server)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
