"""An OPA server that decides, asked over its REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from connectors.breaker import Breaker
from connectors.line import Lines
from processors.guard.decision import Ask, Decision, decision, unavailable
from streams.flow.errors import Retry
from streams.flow.masking import masked
from streams.flow.port import Watch, unwatched

PATH = "/v1/data/rag/authz/"
PEER = "policy"


class _Bundle(BaseModel):
    revision: str = ""


class _Provenance(BaseModel):
    bundles: Mapping[str, _Bundle] = {}


class _Answer(BaseModel):
    result: object = None
    provenance: _Provenance = _Provenance()


class OpaPolicy:
    """Decides by what a server has in `rag.authz`; one that does not answer in time refuses.

    The hash that its decisions name is the revision of its bundle.
    """

    def __init__(self, url: str, *, timeout_s: float = 0.5, watch: Watch = unwatched) -> None:
        self._url = f"{url.rstrip('/')}{PATH}"
        self._lines = Lines(timeout_s, {}, trust_env=False)
        self._breaker = Breaker(PEER, is_away=_is_away, watch=watch)

    def close(self) -> None:
        """Closing twice is harmless."""
        self._lines.close()

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        """See `Policy.decide`."""
        try:
            with self._breaker.calling(), self._lines.one() as line:
                answer = line.client.post(
                    f"{self._url}{ask}",
                    params={"provenance": "true"},
                    json={"input": {**about}},
                    extensions={"trace": line.trace},
                )
                answer.raise_for_status()
                said: Any = answer.json()
        except (Retry, httpx.HTTPError, ValueError) as error:
            return unavailable(masked(str(error)) or type(error).__name__)
        try:
            answered = _Answer.model_validate(said)
        except ValidationError:
            return unavailable("the server's answer is no decision")
        bundles = answered.provenance.bundles.values()
        mark = next((each.revision for each in bundles if each.revision), "server")
        return decision(answered.result, mark)


def _is_away(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.TransportError)
