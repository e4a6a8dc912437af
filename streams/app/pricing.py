"""`policies/prices.yaml`, read."""

from __future__ import annotations

from pathlib import Path

from processors.money.prices import PriceTable, price_table
from streams.app import policies
from streams.flow.errors import UserError

PRICES = "prices.yaml"


def prices(folder: Path | None) -> PriceTable:
    """What the policy folder says, or the release's own; nothing is listed where it has no list.

    Raises:
        UserError: the list is wrong.
    """
    path = (folder or policies.SHIPPED) / PRICES
    if not path.exists():  # then all costs are unknown, and each call says so
        return PriceTable()
    try:
        return price_table(policies.read(PRICES, folder))
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None
