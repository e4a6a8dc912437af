"""How it is known who asks: by the request's own word, by its topic, or by a signed token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from processors.guard.identity import TOPIC, Identity
from processors.guard.ports import Tokens
from schemas.events import QuestionAsked
from schemas.topics import RAG_REQUESTS
from streams.flow.outcome import Received

AUTHORIZATION = "authorization"
_SCHEME = "bearer "


class UnprovenError(Exception):
    """It is not known who asks, or the request says something else.

    `tenant` is the proven one; empty where nothing is proven.
    """

    def __init__(self, rule: str, says: str, tenant: str = "") -> None:
        super().__init__(f"{says} (rule {rule})")
        self.tenant = tenant


Proving = Callable[[Received[QuestionAsked]], Identity]
"""Who asks. Raises UnprovenError."""


def trusted(record: Received[QuestionAsked]) -> Identity:
    """Whoever the request says."""
    return Identity(record.event.tenant, record.event.user or "")


def by_topic(record: Received[QuestionAsked]) -> Identity:
    """The tenant whose topic it came by; its ACL says who may write there."""
    tenant = record.topic.removeprefix(f"{RAG_REQUESTS.name}.")
    return _agreeing(record.event, Identity(tenant, record.event.user or "", proof=TOPIC))


def by_token(tokens: Tokens) -> Proving:
    """Whoever the token in the record's `authorization` header says."""
    return partial(_by_token, tokens=tokens)


def _by_token(record: Received[QuestionAsked], *, tokens: Tokens) -> Identity:
    said = [value for name, value in record.headers if name.casefold() == AUTHORIZATION]
    if not said:
        raise UnprovenError(
            "token-missing", f"the record has no header '{AUTHORIZATION}' with a bearer token"
        )
    token = (said[0] or b"").decode("ascii", "replace")
    if len(said) > 1 or not token.casefold().startswith(_SCHEME):
        raise UnprovenError("token-malformed", f"'{AUTHORIZATION}' must be one bearer token")
    return _agreeing(record.event, tokens.identity(token[len(_SCHEME) :].strip()))


def _agreeing(event: QuestionAsked, who: Identity) -> Identity:
    """Who it is, unless the request says that it is somebody else."""
    if event.tenant != who.tenant:
        raise UnprovenError(
            "tenant-isolation", "the request names another tenant than who asks", who.tenant
        )
    if who.proof != TOPIC and event.user not in (None, "", who.user):
        raise UnprovenError("user", "the request names another user than who asks", who.tenant)
    return who
