"""An index version in OpenSearch: made where there is none, or refused with the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opensearchpy.exceptions import RequestError, TransportError

from connectors.opensearch.client import Client, said
from connectors.opensearch.template import ANALYZER, meta, template
from streams.flow.errors import UserError

_CALL_S = 30.0
_FIRST = "-000001"  # of the index behind the alias
ANOTHER = "name another index version with MILLRACE_INDEX__NAME, and feed it by `millrace reindex`"


@dataclass(frozen=True, slots=True)
class Making:
    """How an index is made where there is none; `prefix` is of its name."""

    prefix: str
    shards: int
    replicas: int
    tenants: int


def make(client: Client, alias: str, how: Making, *, dimensions: int, model: str) -> None:
    """See that `alias` names an index for these vectors, of this release's analyzers.

    Raises:
        UserError: it names one for others, or none can be made.
    """
    try:
        found = _mappings(client, alias)
        if not found:
            body = template(
                how.prefix, shards=how.shards, replicas=how.replicas, tenants=how.tenants
            )
            client.raw("PUT", "/_index_template/millrace", body, timeout_s=_CALL_S)
            _create(client, alias, meta(dimensions, model))
            found = _mappings(client, alias)
    except TransportError as error:
        raise UserError(
            f"the index {alias} cannot be made in OpenSearch at {client.url} ({said(error)}): let "
            f"its user manage index templates and {how.prefix}*, or have somebody make it"
        ) from None
    for name, each in found.items():
        _check(f"the index {name} in OpenSearch at {client.url}", each, dimensions, model)


def _mappings(client: Client, alias: str) -> dict[str, Mapping[str, Any]]:
    """What each index behind the alias says that it is made for; none where there is no alias."""
    # Unlike /ALIAS/_mapping, it does not answer for an index of that name that is no alias.
    there = client.raw("GET", f"/_alias/{alias}", timeout_s=_CALL_S, ignore=404)
    if "error" in there or not there:
        return {}
    said = client.raw("GET", f"/{alias}/_mapping", timeout_s=_CALL_S)
    return {name: each["mappings"].get("_meta", {}) for name, each in said.items()}


def _create(client: Client, alias: str, made_for: dict[str, Any]) -> None:
    body = {"aliases": {alias: {"is_write_index": True}}, "mappings": {"_meta": made_for}}
    try:
        client.raw("PUT", f"/{alias}{_FIRST}", body, timeout_s=_CALL_S)
    except RequestError as error:
        if error.error != "resource_already_exists_exception":  # another worker was quicker
            raise


def _check(where: str, said: Mapping[str, Any], dimensions: int, model: str) -> None:
    found: Mapping[str, Any] = said.get("millrace") or {}
    if not found:
        raise UserError(f"{where} was not made by Millrace: {ANOTHER}")
    if found.get("dimensions") != dimensions:
        raise UserError(
            f"{where} is for vectors of {found.get('dimensions')} dimensions, and the model gives "
            f"{dimensions}: {ANOTHER}"
        )
    if found.get("model") != model:
        raise UserError(
            f"{where} is for vectors of {found.get('model')}, and the model is {model}: {ANOTHER}"
        )
    if found.get("analyzer") != ANALYZER:
        raise UserError(f"{where} has the analyzers of another release: {ANOTHER}")
