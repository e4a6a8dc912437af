"""`policies/retrieval.yaml` as the configuration of `retrieve` and `rerank`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from processors.questions.expansion import Expansion
from processors.questions.fusion import Fusion
from processors.questions.reordering import Reordering, reordering
from processors.questions.retrieve import RetrievalConfig

_KEYS = {
    "version", "candidates", "limit", "fusion", "bm25_weight", "sentence_weight", "variants",
    "reordering",
}  # fmt: skip
_REORDERING_KEYS = {"file", "sha256", "blend"}


def retrieval_config(policy: Mapping[str, Any], read: Callable[[str], bytes]) -> RetrievalConfig:
    """The configuration that the policy says; `read` gives the bytes of a file beside it.

    Raises:
        ValueError: a key is missing or unknown, a value is out of range, or the file of the learned
            re-ordering is not the one that the policy names.
    """
    _known(policy, _KEYS, "")
    fusion = policy["fusion"]
    if fusion not in get_args(Fusion):
        raise ValueError(f"fusion is {fusion!r}; it must be one of {', '.join(get_args(Fusion))}")
    learned, blend = None, 0.0
    if policy["reordering"] is not None:
        learned, blend = _reordering(policy["reordering"], read)
    return RetrievalConfig(
        candidates=_whole(policy, "candidates", 1, 200),
        limit=_whole(policy, "limit", 1, 1000),
        fusion=fusion,
        bm25_weight=_share(policy, "bm25_weight"),
        sentence_weight=_share(policy, "sentence_weight"),
        reordering=learned,
        blend=blend,
        variants=_variants(policy["variants"]),
    )


def _variants(found: object) -> tuple[Expansion, ...]:
    known = get_args(Expansion)
    if not isinstance(found, list) or any(
        each not in known for each in cast("list[object]", found)
    ):
        raise ValueError(f"variants is {found!r}; it must be a list of {', '.join(known)}, or []")
    return tuple(cast("list[Expansion]", found))


def _reordering(found: object, read: Callable[[str], bytes]) -> tuple[Reordering, float]:
    if not isinstance(found, dict):
        raise ValueError("reordering must be a mapping, or null for none")
    policy = cast("Mapping[str, Any]", found)
    _known(policy, _REORDERING_KEYS, "reordering.")
    name = str(policy["file"])
    data = read(name)
    digest = hashlib.sha256(data).hexdigest()
    if digest != policy["sha256"]:
        raise ValueError(
            f"{name} has the hash {digest}, but reordering.sha256 names {policy['sha256']}: "
            "the file was changed without the policy"
        )
    try:
        learned = reordering(name.rsplit("/", 1)[-1].removesuffix(".json"), data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return learned, _share(policy, "blend")


def _known(policy: Mapping[str, Any], keys: set[str], prefix: str) -> None:
    for name in policy:
        if name not in keys:
            raise ValueError(f"{prefix}{name} is not known; known are {', '.join(sorted(keys))}")
    for name in sorted(keys - policy.keys()):
        raise ValueError(f"{prefix}{name} is missing")


def _whole(policy: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = policy[name]
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} to {most}")
    return value


def _share(policy: Mapping[str, Any], name: str) -> float:
    value = policy[name]
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; it must be a number, 0 to 1")
    return float(value)
