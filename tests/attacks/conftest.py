"""Attacks: each file a kind, each test named for what it prevents."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Those that need the real broker are system tests too."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "broker" in item.fixturenames:
            item.add_marker("system")
