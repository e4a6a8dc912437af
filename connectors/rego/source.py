"""The policy as it lies in its folder: Rego, its data, and a hash of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import yaml
from yaml.constructor import ConstructorError

RULES = "authz"  # the folder of *.rego
DATA = "tenants.yaml"
OWN = "tenants"  # a folder beside it, with a file for each tenant that has one
TESTS = "_test.rego"
MARK = 6  # bytes of the hash that decisions name
_TEXT, _MERGED = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


class UnusableError(ValueError):
    """The policy cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A policy's modules by file name, what they decide by, and the hash of both."""

    modules: Mapping[str, str]
    data: Mapping[str, object]
    mark: str


def read(folder: Path, *, tests: bool = False) -> Source:
    """What the policies folder has, without the policy's tests unless they are asked for.

    Raises:
        UnusableError: a file is absent, unreadable or no mapping.
    """
    try:
        names = sorted(path for path in (folder / RULES).glob("*.rego"))
        modules = {
            path.name: path.read_text(encoding="utf-8")
            for path in names
            if tests or not path.name.endswith(TESTS)
        }
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(error, folder) from None
    if not modules:
        raise UnusableError(f"{folder / RULES} has no .rego file")
    data = tenants(folder)
    try:
        written = json.dumps([modules, data], sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnusableError(f"{folder / DATA} cannot be used: {error}") from None
    return Source(modules, data, blake2b(written.encode(), digest_size=MARK).hexdigest())


def tenants(folder: Path) -> dict[str, object]:
    """What `tenants.yaml` says, and of each tenant with a file of its own what that says.

    Raises:
        UnusableError: a file is absent, unreadable, or of another tenant than its name is.
    """
    data = mapping(folder / DATA)
    files = sorted((folder / OWN).glob("*.yaml"))
    listed = _names(data.get(OWN) or {})
    if not files or listed is None:
        return data  # where it is no mapping, whoever decides by it refuses it
    every = {**listed}
    for path in files:
        said = mapping(path)
        own = _names(said.get(OWN))
        if own is None or [*said] != [OWN] or [*own] != [path.stem]:
            raise UnusableError(f"{path} must hold '{OWN}' with '{path.stem}' below it alone")
        if path.stem in every:
            raise UnusableError(f"{path} is of a tenant that {DATA} lists too: leave one out")
        every |= own
    return {**data, OWN: every}


def _names(said: object) -> dict[str, object] | None:
    """A mapping of plain names, as `mapping` reads no other; None where it is none."""
    return cast("dict[str, object]", said) if isinstance(said, dict) else None


def mapping(path: Path) -> dict[str, object]:
    """What a file such as `tenants.yaml` says.

    Raises:
        UnusableError: it is absent, unreadable or no mapping, or says a name twice.
    """
    try:
        said = path.read_text(encoding="utf-8")
        found: object = yaml.load(said, Loader=_Loader)  # noqa: S506 - it is a safe one
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(error, path) from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UnusableError(f"{path} cannot be used: {reason}") from None
    if not isinstance(found, dict):
        raise UnusableError(f"{path} must be a mapping of names to values")
    return cast("dict[str, object]", found)


def _unread(error: Exception, otherwise: Path) -> UnusableError:
    named = getattr(error, "filename", None) or otherwise
    return UnusableError(f"{named} cannot be read: {error}")


class _Loader(yaml.SafeLoader):
    """Of mappings by plain names, each once.

    YAML reads the tenant `no` as false and `010` as eight, and takes the last of two entries of one
    tenant: what was said of it would count for nobody.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for name, _ in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if name.tag == _MERGED:
                continue
            said = str(name.value)
            if name.tag != _TEXT:
                raise _wrong(f"the name {said} is read as no text: put it in quotes", name)
            if said in names:
                raise _wrong(f"the name {said} is there twice: leave one out", name)
            names.add(said)
        return super().construct_mapping(node, deep)


def _wrong(why: str, node: yaml.Node) -> yaml.YAMLError:
    return ConstructorError(problem=why, problem_mark=node.start_mark)
