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
    """A model was called."""
    return replace(carried, usage=[*carried.usage, usage])


def made_with(carried: Carried, **versions: str) -> Carried:
    """These versions are what was really used, whatever the question set out with."""
    return replace(carried, versions=replace(carried.versions, **versions))
