"""The searchable set over a socket of the data folder, since one process owns an embedded shard."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from processors.ports import ChunkStore, StoredChunk
from schemas import json_lines
from streams.flow.errors import UserError

FIELDS = (
    "tenant",
    "doc_id",
    "doc_version",
    "doc_sequence",
    "chunk_id",
    "ordinal",
    "chunking",
    "text",
)
END = b"\n"  # an empty line: without it, the answer was cut short


def as_line(chunk: StoredChunk) -> str:
    """One chunk as `index dump` writes it."""
    return json_lines.as_line({name: getattr(chunk, name) for name in FIELDS})


@contextmanager
def serve(index: ChunkStore, path: Path) -> Generator[None]:
    """Answer each connection's line (a tenant, or nothing) with the chunks as JSON lines."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            tenant = self.rfile.readline().decode().strip() or None
            for chunk in index.scan(tenant):
                self.wfile.write(as_line(chunk).encode() + b"\n")
            self.wfile.write(END)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A reader that hangs up is no error of ours."""

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            path.unlink(missing_ok=True)


def served(path: Path) -> bool:
    """Whether a process answers on this socket (a killed one leaves the file behind)."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        client.sendall(b"-\n")  # a tenant's name cannot begin with a dash: nothing is dumped
        return True


def dump(path: Path, tenant: str | None = None) -> Iterator[str]:
    """JSON lines of everything searchable, from the process that owns the index.

    Raises:
        UserError: nobody serves this socket, or it went away while answering.
    """
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            raise UserError(f"no worker serves the index at {path}") from None
        client.sendall((tenant or "").encode() + b"\n")
        with client.makefile("rb") as lines:
            for line in lines:
                if line == END:
                    return
                yield line.decode().rstrip("\n")
    raise UserError("the index's worker went away while it answered: try again")
