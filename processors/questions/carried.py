"""What a question carries from stage to stage, and how a stage adds to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from schemas.events import Carried, ModelUsage


class Carrying(Protocol):
    """An event on a question's way."""

    @property
    def carried(self) -> Carried: ...


def degraded(carried: Carried, *fallbacks: str) -> Carried:
    """Fallbacks were taken, each `stage: what`."""
    return replace(carried, degraded=[*carried.degraded, *fallbacks]) if fallbacks else carried


def decided(carried: Carried, *decisions: str) -> Carried:
    """Something was decided that a trail should show, each `stage: what`."""
    return replace(carried, decisions=[*carried.decisions, *decisions])


def used(carried: Carried, usage: ModelUsage) -> Carried:
    """A model was used; what one operation uses of one model of a tier is added up."""
    others: list[ModelUsage] = []
    for each in carried.usage:
        if _used(each) == _used(usage):
            usage = replace(
                usage,
                input_tokens=each.input_tokens + usage.input_tokens,
                output_tokens=each.output_tokens + usage.output_tokens,
                cost=each.cost + usage.cost,
                cached_tokens=each.cached_tokens + usage.cached_tokens,
            )
        else:
            others.append(each)
    return replace(carried, usage=[*others, usage])


def _used(usage: ModelUsage) -> tuple[str, str, str]:
    return usage.operation, usage.tier, usage.model


def made_with(carried: Carried, **versions: str) -> Carried:
    """These versions are what was really used, whatever the question set out with."""
    return replace(carried, versions=replace(carried.versions, **versions))
