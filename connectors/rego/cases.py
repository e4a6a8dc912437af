"""The policy's own cases, asked in process: `policies/authz/cases.yaml`.

The same file is read by `authz_test.rego`, for a test run of OPA. The Rego of that needs `with`,
which the engine in process cannot be asked for: it ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml

from connectors.rego.compiled import Compiled
from connectors.rego.source import RULES, UnusableError, read
from processors.guard.decision import ASKS, Ask, Decision

CASES = "cases.yaml"
_SETS = ("dropped", "shown", "classes", "groups", "guards")


def failures(folder: Path) -> tuple[int, list[str]]:
    """How many cases there are, and each that is decided otherwise than it says.

    Raises:
        UnusableError: the policy, or its cases, cannot be read.
    """
    path = folder / RULES / CASES
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases = cast("dict[str, Any]", found["cases"])
        given = cast("dict[str, Any]", cases["given"])
        policy = Compiled(replace(read(folder), data=given))
        asked: list[tuple[Ask, str, Any]] = [
            (ask, name, case) for ask in ASKS for name, case in cases[ask].items()
        ]
        return len(asked), [
            f"{ask}: {name}: {wrong}"
            for ask, name, case in asked
            for wrong in _wrong(policy.decide(ask, about(given, case)), case)
        ]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UnusableError(f"{path} cannot be used: {type(error).__name__} {error}") from None


def about(given: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, object]:
    """What the policy is told in a case."""
    return {
        "identity": given["people"][case["who"]],
        "question": {**given["question"], **case.get("question", {})},
        "variants": case.get("variants", []),
        "hits": case.get("hits", []),
    }


def _wrong(decided: Decision, case: Mapping[str, Any]) -> Iterator[str]:
    if decided.allowed != case.get("allow", False):
        yield f"allow is {decided.allowed}"
    rules = {each.rule for each in decided.refusals} - {"default"}
    if rules != {*case.get("rules", [])}:
        yield f"refused by {', '.join(sorted(rules)) or 'no rule'}"
    access = decided.access
    there: dict[str, set[Any]] = {
        "dropped": {*decided.dropped},
        "shown": {*decided.shown},
        "classes": {*access.classes},
        "groups": {*access.groups},
        "guards": {*decided.guards},
    }
    for name in _SETS:
        if name in case and there[name] != {*case[name]}:
            yield f"{name} are {sorted(there[name])}"
