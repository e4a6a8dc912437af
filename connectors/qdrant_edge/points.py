"""What the embedded index stores of a chunk and of a document, as points of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid5

import numpy as np
from qdrant_edge import Point

from connectors.bm25.encoder import Bm25Encoder
from connectors.payloads import DOCUMENTS, chunk_payload
from connectors.qdrant_edge import sums
from schemas.events import DocumentEmbedded, EmbeddedChunk
from streams.flow.mirror import Place, Reflected

DENSE = "dense"
LEXICAL = "bm25"

# Of the point that says how far the log is reflected. It is written behind what it tells of, in the
# same write-ahead log: whatever a crash or a copy takes away, it is never ahead of the rest.
PLACES = str(uuid5(DOCUMENTS, "places"))


@dataclass(frozen=True, slots=True)
class Left:
    """What a folder still has of what was deleted or replaced: points, and since when at the most
    (milliseconds since the epoch)."""

    points: int = 0
    since: int = 0

    def more(self, points: int, now: int) -> Left:
        """So many more, deleted now."""
        return Left(self.points + points, self.since or now) if points else self


def places_point(places: Mapping[Place, Reflected], least: int, most: int, left: Left) -> Point:
    """The shard has `least` to `most` points, unless something was lost."""
    rows = [[*place, each.log, each.offset, each.whole] for place, each in places.items()]
    told = {"places": rows, "points": [least, most], "left": [left.points, left.since]}
    return Point(PLACES, {}, told)


def reflected(payload: Mapping[str, Any]) -> dict[Place, Reflected]:
    """What `places_point` made a point of."""
    return {
        (topic, partition): Reflected(log, offset, whole)
        for topic, partition, log, offset, whole in payload.get("places", ())
    }


def left(payload: Mapping[str, Any]) -> Left:
    """The same."""
    return Left(*payload.get("left", ()))


def fence_point(key: str, fence: Mapping[str, Any]) -> Point:
    """What was last applied to a document: no vectors, so that no search finds it."""
    return Point(key, {}, {**fence, sums.ALL: sums.of_all(key, fence)})


def chunk_point(
    key: str, change: DocumentEmbedded, item: EmbeddedChunk, encoder: Bm25Encoder
) -> Point:
    """A chunk of the document with this key."""
    document, chunk = change.document, item.chunk
    # A buffer costs half of what a list of floats does; it may be one, whatever its type says.
    vector: Any = np.frombuffer(item.vector, "<f2").astype(np.float32).data
    terms = encoder.document(document.title, chunk.heading, chunk.text, document.doc_id)
    payload = chunk_payload(key, change, item)
    return Point(
        chunk.chunk_id,
        {DENSE: vector, LEXICAL: terms},
        sums.summed(chunk.chunk_id, payload, terms),
    )
