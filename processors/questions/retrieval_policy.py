"""`policies/retrieval.yaml` as the configuration of `retrieve` and `rerank`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

from pydantic import Field

from processors.questions.expansion import Expansion
from processors.questions.fusion import Fusion
from processors.questions.reordering import Reordering, reordering
from processors.questions.retrieve import RetrievalConfig
from schemas.validation import Written, expected, validated

_Share = Annotated[float, Field(strict=True, ge=0, le=1), expected("a number, 0 to 1")]
_Candidates = Annotated[int, Field(strict=True, ge=1, le=200), expected("a whole number, 1 to 200")]
_Limit = Annotated[int, Field(strict=True, ge=1, le=1000), expected("a whole number, 1 to 1000")]


class _Reordering(Written):
    file: str
    sha256: str
    blend: _Share


class _File(Written):
    """Everything stands in the file, so that it can be read without the code."""

    version: str
    candidates: _Candidates
    limit: _Limit
    fusion: Annotated[Fusion, expected(f"one of {', '.join(get_args(Fusion))}")]
    bm25_weight: _Share
    sentence_weight: _Share
    variants: tuple[Annotated[Expansion, expected(f"one of {', '.join(get_args(Expansion))}")], ...]
    reordering: _Reordering | None


def retrieval_config(policy: Mapping[str, Any], read: Callable[[str], bytes]) -> RetrievalConfig:
    """The configuration that the policy says; `read` gives the bytes of a file beside it.

    Raises:
        ValueError: a key is missing or unknown, a value is out of range, or the file of the learned
            re-ordering is not the one that the policy names.
    """
    file = validated(_File, policy)
    return RetrievalConfig(
        candidates=file.candidates,
        limit=file.limit,
        fusion=file.fusion,
        bm25_weight=file.bm25_weight,
        sentence_weight=file.sentence_weight,
        reordering=_learned(file.reordering, read) if file.reordering else None,
        blend=file.reordering.blend if file.reordering else 0.0,
        variants=file.variants,
    )


def _learned(named: _Reordering, read: Callable[[str], bytes]) -> Reordering:
    data = read(named.file)
    digest = hashlib.sha256(data).hexdigest()
    if digest != named.sha256:
        raise ValueError(
            f"{named.file} has the hash {digest}, but reordering.sha256 names {named.sha256}: "
            "the file was changed without the policy"
        )
    try:
        return reordering(named.file.rsplit("/", 1)[-1].removesuffix(".json"), data)
    except ValueError as error:
        raise ValueError(f"{named.file}: {error}") from None
