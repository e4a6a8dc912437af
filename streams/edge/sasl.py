"""Saying who we are to a broker, on a connection of our own: what librdkafka does on its own.

https://kafka.apache.org/protocol: SaslHandshake (17) version 1, SaslAuthenticate (36) version 0;
SCRAM is RFC 5802.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
from collections.abc import Generator
from contextlib import contextmanager

from streams.flow.errors import UserError
from streams.runtime.access import BrokerSettings
from streams.runtime.credentials import token

HANDSHAKE, AUTHENTICATE = 17, 36
TIMEOUT_S = 5.0
LARGEST = 1 << 20


@contextmanager
def connected(host: str, port: int, broker: BrokerSettings) -> Generator[socket.socket]:
    """A connection on which the broker takes requests.

    Raises:
        OSError: it does not answer.
        ValueError: it does not let us in.
        UserError: the settings cannot be used so.
    """
    with socket.create_connection((host, port), TIMEOUT_S) as plain:
        if not broker.tls:
            _authenticate(plain, broker)
            yield plain
            return
        with _context(broker).wrap_socket(plain, server_hostname=host) as line:
            _authenticate(line, broker)
            yield line


def _context(broker: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca_file)
    if broker.certificate_file is not None:
        password = broker.key_password.get_secret_value() or None
        context.load_cert_chain(broker.certificate_file, broker.key_file, password)
    return context


def _authenticate(line: socket.socket, broker: BrokerSettings) -> None:
    if not broker.sasl:
        return
    mechanism = broker.sasl.upper()
    _ask(line, HANDSHAKE, 1, struct.pack(">h", len(mechanism)) + mechanism.encode())
    if broker.sasl == "plain":
        _say(line, f"\0{broker.user}\0{broker.said_password()}")
    elif broker.sasl == "oauthbearer":
        if broker.token_file is None:
            raise UserError("a token of MILLRACE_BROKER__TOKEN_URL is librdkafka's alone")
        _say(line, f"n,,\1auth=Bearer {token(broker)[0]}\1\1")
    else:
        _scram(line, broker)


def _scram(line: socket.socket, broker: BrokerSettings) -> None:
    name = broker.sasl.removeprefix("scram-").replace("-", "")  # sha256, sha512
    user = broker.user.replace("=", "=3D").replace(",", "=2C")
    mine = secrets.token_urlsafe(24)
    first = f"n={user},r={mine}"
    theirs = _say(line, f"n,,{first}")
    told = dict(part.split("=", 1) for part in theirs.split(","))
    if not told["r"].startswith(mine):
        raise ValueError("the broker's answer is to somebody else")
    last = f"c=biws,r={told['r']}"
    agreed = ",".join((first, theirs, last)).encode()
    salted = hashlib.pbkdf2_hmac(
        name, broker.said_password().encode(), base64.b64decode(told["s"]), int(told["i"])
    )
    key = hmac.digest(salted, b"Client Key", name)
    stored = hashlib.new(name, key).digest()
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(stored, agreed, name), strict=True))
    answer = _say(line, f"{last},p={base64.b64encode(proof).decode()}")
    signed = hmac.digest(hmac.digest(salted, b"Server Key", name), agreed, name)
    if answer != f"v={base64.b64encode(signed).decode()}":
        raise ValueError("the broker does not know our password either")


def _say(line: socket.socket, text: str) -> str:
    """One step of the mechanism, and the answer to it."""
    data = text.encode()
    answer = _ask(line, AUTHENTICATE, 0, struct.pack(">i", len(data)) + data)
    at = 2 + max(0, struct.unpack_from(">h", answer)[0])  # behind a message that may be null
    (size,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + max(0, size)].decode()


def _ask(line: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """What stands behind the answer's error, which is none."""
    request = struct.pack(">hhih", api, version, api, -1) + body
    line.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", exactly(line, 4))
    if not 6 <= size < LARGEST:
        raise ValueError("the broker speaks another protocol")
    answer = exactly(line, size)[4:]  # behind the request's number
    (error,) = struct.unpack_from(">h", answer)
    if error:
        raise ValueError(f"the broker does not let us in (error {error})")
    return answer[2:]


def exactly(line: socket.socket, size: int) -> bytes:
    """So many bytes of it.

    Raises:
        ConnectionError: it ends before.
    """
    data = b""
    while len(data) < size:
        piece = line.recv(size - len(data))
        if not piece:
            raise ConnectionError("the broker closed the connection")
        data += piece
    return data
