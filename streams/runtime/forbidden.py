"""What the broker does not allow: which right is missing, of whom, and who can give it."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message

from streams.flow.errors import UserError
from streams.runtime.settings import RuntimeSettings

TOPIC = KafkaError.TOPIC_AUTHORIZATION_FAILED
GROUP = KafkaError.GROUP_AUTHORIZATION_FAILED
TRANSACTIONAL_ID = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
CODES = frozenset({TOPIC, GROUP, TRANSACTIONAL_ID})
_KINDS = {TOPIC: "topic", GROUP: "group", TRANSACTIONAL_ID: "transactional id"}
_RIGHTS = {TOPIC: "READ", GROUP: "READ", TRANSACTIONAL_ID: "WRITE"}


class ForbiddenError(UserError):
    """The broker does not allow what a stage has to do."""


def forbidden(settings: RuntimeSettings, code: int, name: str, right: str = "") -> ForbiddenError:
    """The sentence. `right` is what is missing of it, unless the kind says so."""
    who = settings.broker.user or "this worker's principal"
    return ForbiddenError(
        f"{who} lacks the right {right or _RIGHTS[code]} on the {_KINDS[code]} {name}: have an "
        "administrator run `millrace topics acl --apply`, or give it that right by hand"
    )


def check(settings: RuntimeSettings, message: Message, group: str) -> None:
    """Raises ForbiddenError where a consumer of `group` is told that it may not go on."""
    error = message.error()
    if error is not None and error.code() in CODES:
        name = group if error.code() == GROUP else message.topic() or ""
        raise forbidden(settings, error.code(), name)
