"""`policies/routing.yaml` as rules of `route`, and as the cascade of tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from processors.questions.needing import NEEDS, Need
from processors.questions.route import Rules
from schemas.validation import Written, expected, validated

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$"), expected("the name of a tier")]
_Words = Annotated[int, Field(strict=True, ge=1), expected("a whole number of words, 1 or more")]
_Cosine = Annotated[float, Field(strict=True, ge=-1, le=1), expected("a number, -1 to 1")]


class _Needs(Written):
    lookup: _Name
    parts: _Name
    comparison: _Name
    reasoning: _Name


class _Long(Written):
    words: _Words
    tier: _Name


class _Unsure(Written):
    below: _Cosine
    tier: _Name


class _File(Written):
    version: str
    needs: _Needs
    long: _Long
    unsure: _Unsure
    cascade: dict[str, str]


@dataclass(frozen=True, slots=True)
class Routing:
    """How questions come to tiers, and by tier the one that is asked after it where it fails."""

    rules: Rules
    cascade: Mapping[str, str]


def routing(policy: Mapping[str, Any]) -> Routing:
    """What the policy says.

    Raises:
        ValueError: a key is missing or unknown, a value is out of range, or the cascade goes in a
            circle.
    """
    file = validated(_File, policy)
    for begin in file.cascade:
        _ends(begin, file.cascade)
    needs: dict[Need, str] = {need: getattr(file.needs, need) for need in NEEDS}
    rules = Rules(
        file.version,
        needs,
        long=file.long.words,
        long_tier=file.long.tier,
        unsure_below=file.unsure.below,
        unsure_tier=file.unsure.tier,
    )
    return Routing(rules, file.cascade)


def _ends(begin: str, cascade: Mapping[str, str]) -> None:
    seen = [begin]
    while (after := cascade.get(seen[-1])) is not None:
        if after in seen:
            raise ValueError(f"'cascade' goes in a circle: {' to '.join((*seen, after))}")
        seen.append(after)
