"""What every store on a server has in common."""

from __future__ import annotations

from collections.abc import Mapping

from processors.documents.lacking import Lacking
from processors.ports import Document
from streams.flow.errors import Retry
from streams.flow.mirror import Place, Reflected


class OnServer:
    """The part of `ChunkStore` that does not depend on which server it is."""

    def __init__(self, version: str, dimensions: int) -> None:
        self.version = version
        self.dimensions = dimensions
        self.lacking = Lacking()

    def reflects(self) -> dict[Place, Reflected]:
        """Nothing: a server's contents are its own, and `millrace index verify` compares them."""
        return {}

    def reflect(self, places: Mapping[Place, Reflected]) -> None:
        """Nothing is noted, as `reflects` says."""


def overtaken(document: Document) -> Retry:
    """To raise where a fence is not as it was read."""
    return Retry(f"{'/'.join(document)} was written by somebody else meanwhile")
