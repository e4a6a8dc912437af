"""Makes the embedded broker know its users, and what each of them may do."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    ScramCredentialInfo,  # pyright: ignore[reportPrivateImportUsage]
    ScramMechanism,  # pyright: ignore[reportPrivateImportUsage]
    UserScramCredentialUpsertion,  # pyright: ignore[reportPrivateImportUsage]
)

from streams.app.rights import Principal
from streams.app.settings import Settings
from streams.edge import acls
from streams.flow.errors import UserError
from streams.local.users import password_of
from streams.runtime import kafka

TIMEOUT_S = 30.0
# The least that Kafka takes. Passwords are random and long: there is nothing to guess.
ITERATIONS = 4096


def secure(settings: Settings, principals: Sequence[Principal]) -> None:
    """Make a user of each, with its rights and no others.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    make(settings, [each.name for each in principals])
    acls.apply(settings, principals)


def make(settings: Settings, users: Sequence[str]) -> None:
    """See that the broker knows these users by the passwords in their files.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    client: Any = kafka.reachable(settings, TIMEOUT_S)
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    data = settings.data.absolute()
    wanted = [
        UserScramCredentialUpsertion(user, info, password_of(data, user).encode()) for user in users
    ]
    futures = cast(
        "dict[str, Future[None]]",
        client.alter_user_scram_credentials(wanted, request_timeout=TIMEOUT_S),
    )
    for user, future in futures.items():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            raise UserError(f"user {user} cannot be made: {kafka.reason(error)}") from None
