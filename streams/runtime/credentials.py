"""What clients tell the broker of who we are, also once that has changed.

A password's file is followed: its clients are told, and use the new one with their next connection.
A bearer token is asked for anew by librdkafka before it expires. Certificates are read where a
client is made: `Certificates` says when it is time to make it anew.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from streams.flow.errors import UserError
from streams.runtime.access import VARIABLE, BrokerSettings

log = logging.getLogger("millrace.kafka")

LOOK_S = 1.0
TOKEN_S = 300.0  # a token that does not say how long it is good for is read again after this


class Client(Protocol):
    """Of librdkafka, with a password."""

    def set_sasl_credentials(self, username: str, password: str, /) -> None: ...


def options(broker: BrokerSettings) -> dict[str, Any]:
    """What librdkafka is told.

    Raises:
        UserError: a file cannot be read, or our certificate is of no more use.
    """
    if broker.protocol == "plaintext":
        return {}
    return {"security.protocol": broker.protocol, **_sasl(broker), **_tls(broker)}


def _sasl(broker: BrokerSettings) -> dict[str, Any]:
    if not broker.sasl:
        return {}
    found: dict[str, Any] = {"sasl.mechanism": broker.sasl.upper()}
    if broker.sasl != "oauthbearer":
        return found | {"sasl.username": broker.user, "sasl.password": broker.said_password()}
    if broker.token_url:
        return found | {
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": broker.token_url,
            "sasl.oauthbearer.client.id": broker.user,
            "sasl.oauthbearer.client.secret": broker.said_password(),
            **({"sasl.oauthbearer.scope": broker.scope} if broker.scope else {}),
        }
    token(broker)

    def again(_: str) -> tuple[str, float]:
        return token(broker)

    return found | {"oauth_cb": again}


def changes(broker: BrokerSettings) -> bool:
    """Whether a client's password may become another while it lives."""
    return broker.password_file is not None and broker.sasl not in ("", "oauthbearer")


def token(broker: BrokerSettings) -> tuple[str, float]:
    """The token of the file, and until when it is good (seconds since the epoch).

    Raises:
        UserError: the file cannot be read, or its token has expired.
    """
    file = broker.token_file
    assert file is not None
    name = f"{VARIABLE}TOKEN_FILE"
    try:
        found = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{name}: {file} cannot be read: {why}") from None
    until = _expiry(found)
    if until <= time.time():
        raise UserError(f"{name}: the token in {file} has expired: put a new one there")
    return found, until


def _expiry(found: str) -> float:
    """What a JWT says of it; another token says nothing."""
    with suppress(IndexError, ValueError, TypeError, KeyError, binascii.Error):
        body = found.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return float(claims["exp"])
    return time.time() + TOKEN_S


def _tls(broker: BrokerSettings) -> dict[str, Any]:
    if not broker.tls:
        return {}
    names = {
        "ssl.ca.location": ("CA_FILE", broker.ca_file),
        "ssl.certificate.location": ("CERTIFICATE_FILE", broker.certificate_file),
        "ssl.key.location": ("KEY_FILE", broker.key_file),
    }
    found: dict[str, Any] = {}
    for option, (name, file) in names.items():
        if file is None:
            continue
        try:
            file.read_bytes()
        except OSError as error:
            raise UserError(f"{VARIABLE}{name}: {file} cannot be read: {error.strerror}") from None
        found[option] = str(file)
    if password := broker.key_password.get_secret_value():
        found["ssl.key.password"] = password
    return found


class Certificates:
    """Whether the files of a connection by TLS are others than when this was made."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._known = stamps(files)
        self._looked = time.monotonic()

    def renewed(self) -> bool:
        """Looks no more often than once a second."""
        now = time.monotonic()
        if not self._files or now - self._looked < LOOK_S:
            return False
        self._looked = now
        found = stamps(self._files)
        return found != self._known and None not in found


def stamps(files: Sequence[Path]) -> list[tuple[int, int, int] | None]:
    """What changes with a file's content; None where it is not there."""
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()  # through links: a mounted secret changes by moving one
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class Followed:
    """Clients whose password stands in a file, and the thread that tells them of another.

    librdkafka keeps what it was given, so somebody has to look. One thread a process does.
    """

    def __init__(self, look_s: float = LOOK_S) -> None:
        self._look_s = look_s
        self._lock = threading.Lock()
        self._clients: dict[BrokerSettings, weakref.WeakSet[Any]] = {}
        self._known: dict[BrokerSettings, str] = {}
        self._thread: threading.Thread | None = None

    def add(self, client: Client, broker: BrokerSettings | None) -> None:
        """Tell this client of each change, for as long as it lives; None: there is none."""
        if broker is None:
            return
        with self._lock:
            self._clients.setdefault(broker, weakref.WeakSet()).add(client)
            self._known.setdefault(broker, broker.said_password())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="passwords", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(self._look_s)
            self.look()

    def look(self) -> None:
        """Read the files; tell clients what is new there."""
        with self._lock:
            for broker, clients in self._clients.items():
                try:
                    password = broker.said_password()
                except UserError as error:  # it is just being written, or was taken away
                    log.warning("a password cannot be read", extra={"reason": str(error)})
                    continue
                if password == self._known[broker]:
                    continue
                self._known[broker] = password
                for client in list(clients):
                    with suppress(RuntimeError):  # it is closed
                        client.set_sasl_credentials(broker.user, password)
                log.info("another password is in use", extra={"user": broker.user})
