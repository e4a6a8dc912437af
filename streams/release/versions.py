"""The versions a release is made of, pinned together under `[tool.millrace]`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from schemas.events import Versions
from streams.flow.errors import UserError

PINS = ("prompt_version", "retrieval_pipeline", "chunking", "embedding_model", "policy")


@cache
def pins() -> dict[str, str]:
    """The pins, from the checkout's pyproject.toml or the copy inside an installed wheel.

    Raises:
        UserError: there is no such file, or it does not pin all of PINS.
    """
    package = Path(__file__).parents[1]
    for path in (package.parent / "pyproject.toml", package / "pyproject.toml"):
        try:
            table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}") from None
        if found := table.get("tool", {}).get("millrace"):
            missing = [name for name in PINS if not isinstance(found.get(name), str)]
            if missing:
                raise UserError(f"[tool.millrace] in {path} does not pin {', '.join(missing)}")
            return dict(found)
    raise UserError("there is no pyproject.toml with [tool.millrace] beside the package")


def versions(index: str, weights: str = "", **in_use: str) -> Versions:
    """What answers made with index version `index` carry: the pins, but what is in use by its name.

    `weights` is the digest of the manifest of models' weights; `in_use` names those of another
    policy folder (`MILLRACE_POLICIES`), such as `chunking`.
    """
    pinned = pins() | in_use
    return Versions(
        prompt=pinned["prompt_version"],
        pipeline=pinned["retrieval_pipeline"],
        embedding_model=pinned["embedding_model"],
        index=index,
        chunking=pinned["chunking"],
        policy=pinned["policy"],
        weights=weights,
    )
