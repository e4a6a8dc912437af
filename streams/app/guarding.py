"""The policy as programs beside the workers look at it."""

from __future__ import annotations

from connectors.rego.cases import failures
from connectors.rego.source import UnusableError
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
