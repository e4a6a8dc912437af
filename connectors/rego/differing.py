"""What two policies decide otherwise: both are asked about everybody and everything they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from processors.guard import personal
from processors.guard.decision import Ask
from processors.guard.identity import TOKEN
from processors.guard.shadow import difference

UNLISTED = "(unlisted)"
_PLAIN: Mapping[str, object] = {"text": "what?", "length": 5, "found": []}
_CHARS = 2000
Probe = tuple[str, Ask, dict[str, object]]


def differences(one: Path, other: Path) -> tuple[int, list[str]]:
    """How many decisions were asked for, and each that the policies in two folders differ in.

    Raises:
        UnusableError: one of them cannot be used.
    """
    first, second = read(one), read(other)
    live, candidate = Compiled(first), Compiled(second)
    asked = [*probes(first.data, second.data)]
    found: list[str] = []
    for name, ask, about in asked:
        if said := difference(live.decide(ask, about), candidate.decide(ask, about)):
            found.append(f"{name}: {said}")
    return len(asked), found


def probes(*data: Mapping[str, object]) -> Iterator[Probe]:
    """By tenant and role: a plain question, each kind of personal data, the lengths at limits,
    topics for answers, and what may be seen."""
    tenants = [UNLISTED, *sorted({n for each in data for n in _mapping(each, "tenants")})]
    for tenant in tenants:
        named = [
            part
            for each in data
            for part in (_mapping(each, "defaults"), _mapping(each, "tenants", tenant))
        ]
        for role in ("", *sorted({name for part in named for name in _mapping(part, "roles")})):
            who = _who(tenant, role)
            yield f"{_named(tenant, role)}: sees", "search", {"identity": who, "variants": []}
        who = _who(tenant, "")
        limits = {_mapping(part, "limits").get("query_chars", _CHARS) for part in named}
        for length in sorted({n + more for n in limits if isinstance(n, int) for more in (0, 1)}):
            yield _asks(tenant, who, f"{length} characters", length=length)
        kinds = {*personal.KINDS, *(kind for part in named for kind in _mapping(part, "pii"))}
        for kind in sorted(kinds):
            yield _asks(tenant, who, kind, found=[kind])
        yield _asks(tenant, who, "a filter for another tenant", filters={"tenant": "another"})
        for topic in sorted({t for part in named for t in _list(part, "reply_topics")}):
            topic = topic.replace("$tenant", tenant)
            yield _asks(tenant, who, f"answers to {topic}", reply_to=topic)


def _asks(tenant: str, who: dict[str, object], what: str, **said: object) -> Probe:
    nothing: dict[str, object] = {"filters": {}, "reply_to": ""}
    question = {**_PLAIN, "tenant": tenant, **nothing, **said}
    return f"{_named(tenant, '')}: {what}", "ask", {"identity": who, "question": question}


def _who(tenant: str, role: str) -> dict[str, object]:
    roles = [role] if role else []
    return {"tenant": tenant, "user": "anne", "roles": roles, "classes": [], "proof": TOKEN}


def _named(tenant: str, role: str) -> str:
    return f"{tenant}, {role}" if role else tenant


def _mapping(data: Mapping[str, object], *path: str) -> Mapping[str, Any]:
    found: Any = data
    for name in path:
        found = cast("Any", found).get(name) if isinstance(found, Mapping) else None
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def _list(data: Mapping[str, object], name: str) -> list[str]:
    found = data.get(name)
    return [str(each) for each in cast("list[object]", found)] if isinstance(found, list) else []
