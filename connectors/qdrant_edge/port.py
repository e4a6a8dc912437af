"""The embedded index as a port. Who opens it owns its folder, and serves `index dump` of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from streams.flow.errors import UserError
from streams.flow.port import Opening

if TYPE_CHECKING:
    from connectors.qdrant_edge.index import EdgeIndex
    from processors.ports import IndexVersion, StoredChunk

LONGEST_SOCKET = 80  # of the 108 bytes a socket's address may have


def opened(
    version: IndexVersion,
    opening: Opening,
    hours: float = 24.0,
    share: float = 0.5,
    graph_from: int = 2**63,
) -> EdgeIndex:
    """The shard, open, for as long as the process lasts.

    What is deleted leaves its folder within so many `hours`, or sooner once it is that `share`.
    One of `graph_from` chunks and more gets a graph.
    """
    from connectors.qdrant_edge import socket
    from connectors.qdrant_edge.erasing import Eraser, Erasing

    shard = opening.stack.enter_context(_shard(version.name, opening.data, version.dimensions))
    opening.stack.enter_context(Eraser(shard, Erasing(hours, share, graph_from)))
    opening.stack.enter_context(socket.serve(shard, _socket(opening.data)))
    return shard


def as_line(chunk: StoredChunk) -> str:
    """One chunk as `index dump` writes it."""
    from connectors.qdrant_edge import socket

    return socket.as_line(chunk)


def dump(name: str, data: Path, tenant: str | None = None) -> Iterator[str]:
    """JSON lines of everything searchable: from its worker, or from the folder if none runs.

    Raises:
        UserError: the folder cannot be read.
    """
    from connectors.qdrant_edge import socket

    path = _socket(data)
    if socket.served(path):
        yield from socket.dump(path, tenant)
        return
    with _shard(name, data) as opened:
        for chunk in opened.scan(tenant):
            yield socket.as_line(chunk)


def _shard(name: str, data: Path, dimensions: int = 384) -> EdgeIndex:
    from connectors.qdrant_edge.index import EdgeIndex

    return EdgeIndex(data / "index" / name, name, dimensions)


def _socket(data: Path) -> Path:
    folder = data.resolve() / "run"
    if len(str(folder)) <= LONGEST_SOCKET:
        return folder / "index.sock"
    # Elsewhere, in a folder that is ours alone: who could write there could pose as the index.
    mark = hashlib.blake2b(str(folder).encode(), digest_size=8).hexdigest()
    own = Path(tempfile.gettempdir()) / f"millrace-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.stat().st_uid != os.getuid() or own.stat().st_mode & 0o077:
        raise UserError(
            f"{own} must belong to you alone: remove it, or use a shorter MILLRACE_DATA"
        )
    return own / f"{mark}.sock"
