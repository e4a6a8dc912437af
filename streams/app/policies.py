"""Policy files: what decides behaviour and a person approves by pull request, from `policies/`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, cast

import yaml

from streams.flow.errors import UserError

SHIPPED = Path(__file__).parents[2] / "policies"  # in a checkout and beside an installed wheel
PROMPTS = "prompts"

_FRONT_MATTER = re.compile(r"---\n(.*?\n)---\n(.*)", re.DOTALL)
_MESSAGES = re.compile(r"\s*# System\n(.*?)^# User\n(.*)", re.DOTALL | re.MULTILINE)


def read(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The mapping in the YAML file `name` of `folder`, or of the policies shipped with the release.

    Raises:
        UserError: the file is absent, unreadable or no mapping; the message names it.
    """
    path = (folder or SHIPPED) / name
    return _mapping(path, text(path))


def toml(path: Path) -> dict[str, Any]:
    """What the TOML file says.

    Raises:
        UserError: it is unreadable or no TOML; the message names it.
    """
    try:
        return tomllib.loads(text(path))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"policy {path} is not valid TOML: {error}") from None


def text(path: Path) -> str:
    """What a policy file says, with plain line ends.

    Raises:
        UserError: the file cannot be read; the message names it.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"policy {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"policy {path} is not UTF-8: byte {error.start} cannot be read") from None


def _mapping(path: Path, said: str) -> dict[str, Any]:
    try:
        found: object = yaml.safe_load(said)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"policy {path} is not valid YAML: {reason}") from None
    if not isinstance(found, dict):
        raise UserError(f"policy {path} must be a mapping of names to values")
    return cast("dict[str, Any]", found)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A versioned prompt: two messages with named places, written `$name`, to fill."""

    name: str
    version: str
    description: str
    system: str
    user: str

    @property
    def places(self) -> frozenset[str]:
        """The names that `fill` wants."""
        return frozenset(Template(f"{self.system}\n{self.user}").get_identifiers())

    def fill(self, **values: object) -> tuple[str, str]:
        """The system and the user message; a `$` in a value stays as it is.

        Raises:
            ValueError: the names are not exactly those of `places`.
        """
        if values.keys() != self.places:
            wanted, given = ", ".join(sorted(self.places)), ", ".join(sorted(values))
            raise ValueError(f"prompt {self.name} is filled with {wanted}, not with {given}")
        system, user = (Template(part).substitute(values) for part in (self.system, self.user))
        return system, user


def prompt(name: str, folder: Path | None = None) -> Prompt:
    """The prompt `prompts/NAME.md` of `folder`, or of the policies shipped with the release.

    Its front matter names it (`name`, `version`, `description`); under `# System` and `# User`
    stand the messages.

    Raises:
        UserError: the file is absent, or not of this form; the message names it.
    """
    path = (folder or SHIPPED) / PROMPTS / f"{name}.md"
    parts = _FRONT_MATTER.fullmatch(text(path))
    messages = _MESSAGES.fullmatch(parts[2]) if parts else None
    if parts is None or messages is None:
        raise UserError(
            f"prompt {path} must have a front matter between two lines '---', then the messages "
            "under '# System' and '# User'"
        )
    matter = _mapping(path, parts[1])
    fields = {key: matter.get(key) for key in ("name", "version", "description")}
    missing = [key for key, value in fields.items() if not isinstance(value, str) or not value]
    if missing or matter.keys() - fields.keys():
        raise UserError(
            f"prompt {path} must have a front matter of name, version and description, each a text"
        )
    if fields["name"] != name:
        raise UserError(f"prompt {path} is called '{fields['name']}' in it: it must be '{name}'")
    found = Prompt(
        **cast("dict[str, str]", fields), system=messages[1].strip(), user=messages[2].strip()
    )
    if not Template(f"{found.system}\n{found.user}").is_valid():
        raise UserError(f"prompt {path} has a '$' that begins no name: write it as '$$'")
    return found


def prompts(folder: Path | None = None) -> list[Prompt]:
    """All prompts of `folder`, or of the release, by name. Raises UserError as `prompt` does."""
    found = sorted(((folder or SHIPPED) / PROMPTS).glob("*.md"))
    return [prompt(path.stem, folder) for path in found]
