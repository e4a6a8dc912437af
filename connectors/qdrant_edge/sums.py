"""Check sums of points: the engine keeps none, and believes its files."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_edge import SparseVector

READ = "sum"  # of what each question reads
ALL = "all"  # of everything, for whoever has time
LABELS = "labels"  # of who may see it, which changes by itself
_APART = (ALL, "text", "vectors", LABELS, "classes", "acl")


def summed(key: str, payload: dict[str, Any], terms: SparseVector) -> dict[str, Any]:
    """A chunk's payload with its sums; `terms` are what it is found by in the lexical index."""
    payload[LABELS] = of_labels(payload["document"], payload["classes"], payload["acl"])
    payload[READ] = _of_read(key, payload)
    payload[ALL] = of_all(key, payload, terms)
    return payload


def of_all(key: str, payload: Mapping[str, Any], terms: SparseVector | None = None) -> int:
    # What is long, and of a chunk who may see it, is in the sums of what is read.
    apart = _APART if "text" in payload else (ALL,)
    named = {name: payload[name] for name in payload if name not in apart}
    found = zlib.crc32(f"{key}{json.dumps(named, sort_keys=True)}".encode())
    if terms is None:
        return found
    # In no order that the engine would have to keep.
    indices, values = np.array(terms.indices, np.uint32), np.array(terms.values, np.float32)
    order = np.argsort(indices)
    return zlib.crc32(values[order].tobytes(), zlib.crc32(indices[order].tobytes(), found))


def readable(key: str, payload: Mapping[str, Any]) -> bool:
    """Whether what a question reads of a chunk is as it was written."""
    return payload.get(READ) == _of_read(key, payload) and payload.get(LABELS) == of_labels(
        payload["document"], payload["classes"], payload["acl"]
    )


def whole(key: str, payload: Mapping[str, Any], vectors: Mapping[str, Any]) -> bool:
    """Whether all of a point is. A fence has no vectors."""
    if "text" not in payload:
        return payload.get(ALL) == of_all(key, payload)
    if len(vectors) != 2 or not readable(key, payload):
        return False
    (terms,) = (each for each in vectors.values() if isinstance(each, SparseVector))
    (dense,) = (each for each in vectors.values() if not isinstance(each, SparseVector))
    if payload.get(ALL) != of_all(key, payload, terms):
        return False
    found = np.asarray(dense, np.float16)
    stored = np.frombuffer(base64.b64decode(payload["vectors"]), "<f2")[: len(found)]
    return bool((found == stored).all())


def of_labels(document: str, classes: Sequence[str], acl: Sequence[str]) -> int:
    return zlib.crc32(json.dumps([document, classes, acl]).encode())


def _of_read(key: str, payload: Mapping[str, Any]) -> int:
    read = f"{key}\n{payload['tenant']}\n{payload['doc_id']}\n{payload['text']}"
    return zlib.crc32(payload["vectors"].encode(), zlib.crc32(read.encode()))
