"""Policy files: what decides behaviour and a person approves by pull request, from `policies/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml

from streams.errors import UserError

SHIPPED = Path(__file__).parent.parent / "policies"  # in a checkout and beside an installed wheel


def read(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The mapping in the YAML file `name` of `folder`, or of the policies shipped with the release.

    Raises:
        UserError: the file is absent, unreadable or no mapping; the message names it.
    """
    path = (folder or SHIPPED) / name
    try:
        found: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"policy {path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"policy {path} is not valid YAML: {said}") from None
    if not isinstance(found, dict):
        raise UserError(f"policy {path} must be a mapping of names to values")
    return cast("dict[str, Any]", found)
