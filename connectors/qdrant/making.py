"""A collection of Qdrant: made where there is none, or refused with the remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

from connectors.bm25.encoder import K1, B
from connectors.qdrant.client import said
from connectors.qdrant.points import DENSE, LEXICAL
from streams.flow.errors import UserError

ANALYZER = hashlib.sha256(f"bm25 english word k1={K1} b={B}, keys".encode()).hexdigest()[:12]
ANOTHER = "name another index version with MILLRACE_INDEX__NAME, and feed it by `millrace reindex`"
_KEYWORDS = ("kind", "document", "tags", "acl", "classes", "words", "shorts", "acronyms", "mark")


@dataclass(frozen=True, slots=True)
class Making:
    """How a collection is made where there is none."""

    shards: int = 1
    replicas: int = 1
    written: int = 1  # replicas that have to have a write
    quantization: str = "none"  # scalar, binary
    on_disk: bool = False  # original vectors and payloads; what is quantized stays in memory


def make(client: Any, name: str, how: Making, *, dimensions: int, model: str) -> None:
    """See that the collection is there and for these vectors.

    Raises:
        UserError: it is for others.
    """
    made_for = {"millrace": {"dimensions": dimensions, "model": model, "analyzer": ANALYZER}}
    if not client.collection_exists(name):
        try:
            _create(client, name, how, dimensions, made_for)
        except (UnexpectedResponse, grpc.RpcError) as error:
            if not client.collection_exists(name):  # else another worker was quicker
                raise UserError(
                    f"the collection {name} cannot be made in Qdrant ({said(error)}): let its key "
                    "manage collections, or have somebody make it"
                ) from None
    for field in _KEYWORDS:
        client.create_payload_index(name, field, models.KeywordIndexParams(type=_KEYWORD))
    tenants = models.KeywordIndexParams(type=_KEYWORD, is_tenant=True)
    client.create_payload_index(name, "tenant", tenants)
    client.create_payload_index(name, "count", models.PayloadSchemaType.INTEGER)
    _check(name, client.get_collection(name).config.metadata or {}, made_for["millrace"])


_KEYWORD = models.KeywordIndexType.KEYWORD


def _create(
    client: Any, name: str, how: Making, dimensions: int, made_for: Mapping[str, Any]
) -> None:
    client.create_collection(
        name,
        vectors_config={
            DENSE: models.VectorParams(
                size=dimensions,
                distance=models.Distance.DOT,
                # Vectors arrive as float16, so that storing them so loses nothing.
                datatype=models.Datatype.FLOAT16,
                on_disk=how.on_disk,
                # Per tenant alone: no question goes over several.
                hnsw_config=models.HnswConfigDiff(payload_m=16, m=0),
            )
        },
        sparse_vectors_config={LEXICAL: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        shard_number=how.shards,
        replication_factor=how.replicas,
        write_consistency_factor=how.written,
        on_disk_payload=how.on_disk,
        quantization_config=_quantization(how.quantization),
        metadata=made_for,
    )


def _quantization(kind: str) -> Any:
    if kind == "scalar":
        scalar = models.ScalarQuantizationConfig(
            type=models.ScalarType.INT8, quantile=0.99, always_ram=True
        )
        return models.ScalarQuantization(scalar=scalar)
    if kind == "binary":
        binary = models.BinaryQuantizationConfig(always_ram=True)
        return models.BinaryQuantization(binary=binary)
    return None


def _check(name: str, metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    where = f"the collection {name} in Qdrant"
    found: Mapping[str, Any] = metadata.get("millrace") or {}
    if not found:
        raise UserError(f"{where} was not made by Millrace: {ANOTHER}")
    if found.get("dimensions") != wanted["dimensions"]:
        raise UserError(
            f"{where} is for vectors of {found.get('dimensions')} dimensions, and the model gives "
            f"{wanted['dimensions']}: {ANOTHER}"
        )
    if found.get("model") != wanted["model"]:
        raise UserError(
            f"{where} is for vectors of {found.get('model')}, and the model is {wanted['model']}: "
            f"{ANOTHER}"
        )
    if found.get("analyzer") != wanted["analyzer"]:
        raise UserError(f"{where} has words of another release's making: {ANOTHER}")
