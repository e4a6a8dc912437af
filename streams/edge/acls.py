"""Rights as a cluster's access control lists: told, given, and taken where they are too many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,  # pyright: ignore[reportPrivateImportUsage]
    AclBindingFilter,  # pyright: ignore[reportPrivateImportUsage]
    AclOperation,  # pyright: ignore[reportPrivateImportUsage]
    AclPermissionType,  # pyright: ignore[reportPrivateImportUsage]
    ResourcePatternType,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from streams.app.rights import Principal, Right
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.runtime import kafka

TIMEOUT_S = 30.0
USER = "User:"
_TYPES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}
_PATTERNS = {True: ResourcePatternType.PREFIXED, False: ResourcePatternType.LITERAL}


def told(principals: Sequence[Principal]) -> list[dict[str, str]]:
    """One row a right."""
    return [{"principal": each.name, **row(right)} for each in principals for right in each.rights]


def row(right: Right) -> dict[str, str]:
    """A right in Kafka's own words."""
    return {
        "operation": right.operation.upper(),
        "resource": right.resource.upper(),
        "pattern": "PREFIXED" if right.prefixed else "LITERAL",
        "name": right.name,
    }


def apply(settings: Settings, principals: Sequence[Principal]) -> list[str]:
    """Give these principals these rights and no others; returns what that changed.

    Rights that are denied, and those of other principals, are left alone.

    Raises:
        UserError: the broker does not answer, has no authorizer, or does not allow it.
    """
    client: Any = kafka.reachable(settings, TIMEOUT_S)
    wanted = {_of(binding): binding for binding in _bindings(principals)}
    there = _there(client, {USER + each.name for each in principals})
    missing = [wanted[each] for each in sorted(wanted.keys() - there.keys())]
    surplus = [_filter(there[each]) for each in sorted(there.keys() - wanted.keys())]
    if missing:
        _done(client.create_acls(missing, request_timeout=TIMEOUT_S), "given")
    if surplus:
        _done(client.delete_acls(surplus, request_timeout=TIMEOUT_S), "taken")
    return [f"given: {_said(each)}" for each in missing] + [
        f"taken: {_said(each)}" for each in surplus
    ]


def _bindings(principals: Sequence[Principal]) -> Iterable[Any]:
    for principal in principals:
        for right in principal.rights:
            yield AclBinding(
                _TYPES[right.resource],
                right.name,
                _PATTERNS[right.prefixed],
                USER + principal.name,
                "*",
                AclOperation[right.operation.upper()],
                AclPermissionType.ALLOW,
            )


def _there(client: Any, names: set[str]) -> Mapping[tuple[str, ...], Any]:
    """What these principals are allowed now."""
    anything: Any = None  # which the stubs do not know
    every = AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        anything,
        anything,
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    try:
        found = client.describe_acls(every, request_timeout=TIMEOUT_S).result(TIMEOUT_S)
    except KafkaException as error:
        raise UserError(
            f"rights cannot be read ({kafka.reason(error)}): the broker needs an authorizer, and "
            "whoever asks the right to ALTER the cluster"
        ) from None
    return {_of(each): each for each in found if each.principal in names}


def _of(binding: Any) -> tuple[str, ...]:
    return (
        binding.principal,
        binding.restype.name,
        binding.resource_pattern_type.name,
        binding.name,
        binding.operation.name,
        binding.host,
    )


def _filter(binding: Any) -> Any:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _done(futures: Any, what: str) -> None:
    for binding, future in cast("dict[Any, Future[Any]]", futures).items():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            raise UserError(
                f"the right to {_said(binding)} cannot be {what}: {kafka.reason(error)}"
            ) from None


def _said(binding: Any) -> str:
    beginning = "beginning " * (binding.resource_pattern_type == ResourcePatternType.PREFIXED)
    kind = binding.restype.name.lower().replace("_", " ")
    name = f"{binding.operation.name} {kind} {beginning}{binding.name}"
    return f"{name}, {binding.principal.removeprefix(USER)}"
