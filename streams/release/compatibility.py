"""`millrace check`: whether what is pinned, what the policy files say and what was recorded agree.

Every version of a policy file is recorded once, with a digest of what the file then said, in
`versions.lock` beside it. So a file that changed under its version is noticed, and a version that
was ever recorded means one thing for good. Of YAML that is what it means, whatever its comments
and layout; of a prompt every character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from schemas.validation import Written, validated
from streams.app import policies
from streams.flow.errors import UserError
from streams.release.versions import PINS

LOCK = "versions.lock"
COMPATIBILITY = "compatibility.toml"
PROJECT = "pyproject.toml"
# Policy files that one pin names, by the pin.
PINNED_FILES = {"chunking": "chunking.yaml", "retrieval_pipeline": "retrieval.yaml"}
PRICED = "prices.yaml"  # no pin names it: each call says by which version it was priced
PROMPT_PIN = "prompt_version"
POLICY_PIN, RULES, TESTS = "policy", "authz", "_test.rego"
JOIN = "+"  # of the prompts' versions in their pin, in the order of their names

_HEADER = """\
# What each version of a policy file held. Written by `millrace check --accept`; commit it with the
# change, and edit it never: a version that is recorded means the same thing for good.
"""

_VERSION = re.compile(r'^version := "([\w.-]+)"$', re.MULTILINE)

Recorded = dict[str, dict[str, str]]  # file to version to digest


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not go together. `said` names file, versions and remedy in a sentence."""

    file: str
    said: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class _File:
    """A versioned policy file as it is now; `name` is its path in the policy folder."""

    name: str
    version: str
    digest: str


class _Together(Written):
    """One of each goes with one of each; a field a pin."""

    prompt_version: tuple[str, ...]
    retrieval_pipeline: tuple[str, ...]
    chunking: tuple[str, ...]
    embedding_model: tuple[str, ...]
    policy: tuple[str, ...]


class _Compatibility(Written):
    version: str
    together: Annotated[tuple[_Together, ...], Field(min_length=1)]


def check(folder: Path, pins: Mapping[str, str], built_in: Mapping[str, str]) -> list[Problem]:
    """Everything that does not agree; `built_in` are versions that the code itself has, by pin.

    Raises:
        UserError: a file cannot be read.
    """
    files = _files(folder)
    recorded = _recorded(folder)
    problems = [found for file in files if (found := _unrecorded(file, recorded))]
    in_files = _versions(files)
    for pin, version in {**in_files, **built_in}.items():
        if pins[pin] != version:
            where = "the code"
            if pin in in_files:
                named = PINNED_FILES | {POLICY_PIN: f"{RULES}/*.rego"}
                where = f"policies/{named.get(pin, f'{policies.PROMPTS}/*.md')}"
            problems.append(
                Problem(
                    PROJECT,
                    f"{PROJECT} pins {pin} '{pins[pin]}', but {where} is at '{version}': "
                    f'pin {pin} = "{version}" or bring the other back',
                    version,
                    pins[pin],
                )
            )
    return problems + _incompatible(folder, pins)


def accept(folder: Path) -> tuple[list[str], list[Problem]]:
    """Record the files as they are now: what was recorded new, or what stands in the way.

    Where a file changed under a version that is recorded already, nothing is written.

    Raises:
        UserError: a file cannot be read, or the record cannot be written.
    """
    recorded = _recorded(folder)
    files = _files(folder)
    refused = [
        found
        for file in files
        if file.version in recorded.get(file.name, {})
        and (found := _unrecorded(file, recorded)) is not None
    ]
    if refused:
        return [], refused
    fresh = [file for file in files if file.version not in recorded.get(file.name, {})]
    for file in fresh:
        recorded.setdefault(file.name, {})[file.version] = file.digest
    if fresh:
        path = folder / LOCK
        try:
            path.write_text(_written(recorded), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
    return [f"{file.name} {file.version}" for file in fresh], []


def _files(folder: Path) -> list[_File]:
    found: list[_File] = []
    for name in (*PINNED_FILES.values(), PRICED):
        path = folder / name
        if name == PRICED and not path.exists():
            continue
        said = policies.read(name, folder)
        version: object = said.get("version")
        if not isinstance(version, str) or not version:
            raise UserError(f"policy {path} has no version: begin it with 'version: NAME-1'")
        meaning = json.dumps(
            said, default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        found.append(_File(name, version, _digest(meaning)))
    found.append(_rules(folder))
    for prompt in policies.prompts(folder):
        name = f"{policies.PROMPTS}/{prompt.name}.md"
        found.append(_File(name, prompt.version, _digest(policies.text(folder / name))))
    return found


def _rules(folder: Path) -> _File:
    """The Rego of authz, its tests apart, under the version that it says itself."""
    paths = sorted((folder / RULES).glob("*.rego"))
    texts = {p.name: policies.text(p) for p in paths if not p.name.endswith(TESTS)}
    version = next((m[1] for text in texts.values() if (m := _VERSION.search(text))), "")
    if not version:
        raise UserError(f"{folder / RULES}/*.rego has no version: say 'version := \"NAME-1\"'")
    return _File(RULES, version, _digest(json.dumps(texts, sort_keys=True)))


def _digest(said: str) -> str:
    return blake2b(said.encode(), digest_size=16).hexdigest()


def _versions(files: list[_File]) -> dict[str, str]:
    """What the files' versions are, by pin."""
    by_name = {file.name: file.version for file in files}
    found = {pin: by_name[name] for pin, name in PINNED_FILES.items()}
    found[POLICY_PIN] = by_name[RULES]
    prompts = [f.version for f in files if f.name.startswith(f"{policies.PROMPTS}/")]
    return found | {PROMPT_PIN: JOIN.join(prompts)}


def _unrecorded(file: _File, recorded: Recorded) -> Problem | None:
    versions = recorded.get(file.name, {})
    if versions.get(file.version) == file.digest:
        return None
    name = f"policies/{file.name}"
    if file.version in versions:
        return Problem(
            name,
            f"{name} changed, but is still version '{file.version}': give it a new version, pin "
            "that, and run `millrace check --accept`",
            f"a version after {file.version}",
            file.version,
        )
    last = next(reversed(versions), "none")
    return Problem(
        name,
        f"{name} is version '{file.version}', and {LOCK} has recorded none later than '{last}': "
        "run `millrace check --accept`",
        last,
        file.version,
    )


def _incompatible(folder: Path, pins: Mapping[str, str]) -> list[Problem]:
    path = folder / COMPATIBILITY
    try:
        together = validated(_Compatibility, policies.toml(path)).together
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None
    # For each entry, the pins that it does not list.
    wrong = [[pin for pin in PINS if pins[pin] not in getattr(entry, pin)] for entry in together]
    nearest = min(wrong, key=len)
    if not nearest:
        return []
    others = ", ".join(f"{pin} '{pins[pin]}'" for pin in PINS if pin not in nearest)
    odd = " and ".join(f"{pin} '{pins[pin]}'" for pin in nearest)
    return [
        Problem(
            f"policies/{COMPATIBILITY}",
            f"policies/{COMPATIBILITY} does not let {odd} go with {others or 'anything'}: pin "
            "versions that go together, or measure these and add an entry",
            "a listed combination",
            odd,
        )
    ]


def _recorded(folder: Path) -> Recorded:
    path = folder / LOCK
    if not path.exists():
        return {}
    found = policies.toml(path)
    for versions in found.values():
        if not isinstance(versions, dict):
            raise UserError(f"{path} is damaged: restore it from version control")
    return cast("Recorded", found)


def _written(recorded: Recorded) -> str:
    """The record as TOML: versions of a file in the order in which they came."""
    tables = [
        "\n".join(
            [f"[{json.dumps(name)}]"]
            + [f"{json.dumps(version)} = {json.dumps(mark)}" for version, mark in versions.items()]
        )
        for name, versions in sorted(recorded.items())
    ]
    return "\n\n".join([_HEADER.rstrip(), *tables]) + "\n"
