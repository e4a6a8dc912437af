"""The versions a release is made of, pinned together under `[tool.millrace]`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from schemas.events import Versions


@cache
def pins() -> dict[str, str]:
    """The pins, from the checkout's pyproject.toml or the copy inside an installed wheel."""
    here = Path(__file__).parent
    for path in (here.parent / "pyproject.toml", here / "pyproject.toml"):
        if path.is_file():
            table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            found = table.get("tool", {}).get("millrace")
            if found:
                return dict(found)
    raise FileNotFoundError("no pyproject.toml with [tool.millrace] beside the package")


def versions(index: str) -> Versions:
    """What answers made with index version `index` carry."""
    pinned = pins()
    return Versions(
        prompt=pinned["prompt_version"],
        pipeline=pinned["retrieval_pipeline"],
        embedding_model=pinned["embedding_model"],
        index=index,
        chunking=pinned["chunking"],
        policy=pinned["policy"],
    )
