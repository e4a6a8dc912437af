"""What `millrace tenant suspend` takes."""

from __future__ import annotations

import pytest

from streams.app.settings import Settings
from streams.cli.tenants import _say
from streams.flow.errors import UserError


@pytest.mark.parametrize("tenant", ["", "acme ", "a/b", "x" * 65, "äcme"])
def test_a_name_that_no_tenant_can_have_is_refused(tenant: str) -> None:
    with pytest.raises(UserError, match="is no tenant: it has 1 to 64 letters"):
        _say(Settings(), tenant, suspended=True, reason="")


def test_a_reason_that_is_too_long_says_by_how_much() -> None:
    with pytest.raises(UserError, match="the reason has 301 characters; at most 300"):
        _say(Settings(), "acme", suspended=True, reason="x" * 301)
