"""The policy as programs beside the workers look at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from connectors.rego import differing
from connectors.rego.cases import failures
from connectors.rego.compiled import Compiled
from connectors.rego.source import UnusableError, read
from processors.guard.again import otherwise
from schemas.events import QuestionClosed
from streams.app.policies import SHIPPED
from streams.app.settings import Settings
from streams.flow.errors import UserError


def cases(settings: Settings) -> tuple[int, list[str]]:
    """How many cases the policy has, and each that it decides otherwise.

    Raises:
        UserError: the policy or its cases cannot be used.
    """
    try:
        return failures(settings.policies or SHIPPED)
    except UnusableError as error:
        raise UserError(f"policy: {error}") from None


def differences(one: Path, other: Path) -> tuple[int, list[str]]:
    """How many decisions were asked for, and each that two policies differ in.

    Raises:
        UserError: one of them cannot be used.
    """
    try:
        return differing.differences(one, other)
    except UnusableError as error:
        raise UserError(f"policy: {error}") from None


def candidate(folder: Path) -> Callable[[QuestionClosed], str]:
    """What the policy in a folder decides otherwise of closed questions.

    Raises:
        UserError: it cannot be used.
    """
    try:
        return partial(otherwise, policy=Compiled(read(folder)))
    except UnusableError as error:
        raise UserError(f"policy: {error}") from None
