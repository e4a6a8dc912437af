"""A price list for tests: `m`, `small` and `told` cost 2 and 10 (cached .5) a million tokens."""

from __future__ import annotations

from typing import Any

from processors.money.prices import price_table

MODEL = {"input": 2.0, "output": 10.0, "cached": 0.5}
LISTED: dict[str, Any] = {
    "version": "p-1",
    "date": "2026-11-01",
    "currency": "EUR",
    "models": {"m": MODEL, "small": MODEL, "told": MODEL, "bag": {"input": 0.1}},
}
PRICES = price_table(LISTED)
