"""Why the broker does not let us in, in a sentence that names the setting and the remedy."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import KafkaError

from streams.runtime.access import VARIABLE, BrokerSettings
from streams.runtime.settings import RuntimeSettings

HANDSHAKE_S = 3.0
_KINDS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # pyright: ignore[reportPrivateUsage]
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._SSL,  # pyright: ignore[reportPrivateUsage]
    }
)


class Heard:
    """What a client was told of being refused; `told` is its callback."""

    def __init__(self) -> None:
        self.refused: KafkaError | None = None

    def told(self, error: KafkaError) -> None:
        if error.code() in _KINDS:
            self.refused = error


def why(settings: RuntimeSettings, refused: KafkaError | None, *, ended: bool = False) -> str:
    """The sentence; empty where nothing speaks for a refusal.

    A broker that takes no certificate of ours, or misses one, says so to nobody: it just has
    `ended` the connection.
    """
    broker, where = settings.broker, settings.bootstrap_servers
    if refused is None:
        shut = ended and broker.tls and _theirs(broker, where) == ""
        return _of_certificates(broker, where, "it says nothing") if shut else ""
    if refused.code() == KafkaError._SSL:  # pyright: ignore[reportPrivateUsage]
        return _of_certificates(broker, where, refused.str())
    return _of_sasl(broker, where, refused.str())


def _of_sasl(broker: BrokerSettings, where: str, said: str) -> str:
    if "nsupported" in said and "mechanism" in said:
        return (
            f"the broker at {where} does not take {broker.sasl}: set {VARIABLE}MECHANISM to one "
            f"that it takes ({_short(said)})"
        )
    if "Handshake not supported" in said:
        return (
            f"the broker at {where} asks for no user there: name a listener that does with "
            f"MILLRACE_BOOTSTRAP_SERVERS, or leave {VARIABLE}USER out"
        )
    if broker.sasl == "oauthbearer":
        name = "TOKEN_FILE" if broker.token_file is not None else "TOKEN_URL"
        return (
            f"the broker at {where} does not accept the bearer token: check {VARIABLE}{name} "
            f"({_short(said)})"
        )
    if not broker.sasl:
        return f"the broker at {where} asks for a user: set {VARIABLE}USER ({_short(said)})"
    return (
        f"the broker at {where} does not accept user {broker.user} with the password of "
        f"{broker.where_password}: put the right one there ({_short(said)})"
    )


def _of_certificates(broker: BrokerSettings, where: str, said: str) -> str:
    """What of TLS failed: librdkafka says that it did, a handshake of our own says what."""
    wrong = _theirs(broker, where) or ""
    authority = f"{VARIABLE}CA_FILE" + (f" ({broker.ca_file})" if broker.ca_file else "")
    if "expired" in wrong:
        return f"the certificate of the broker at {where} has expired: have its owner renew it"
    if "mismatch" in wrong or "not valid for" in wrong:
        return (
            f"the certificate of the broker is not for {where}: set MILLRACE_BOOTSTRAP_SERVERS to "
            f"a name that stands in it ({wrong})"
        )
    if wrong:
        return (
            f"the certificate of the broker at {where} is of no authority that we know: set "
            f"{authority} to that of its authority ({wrong})"
        )
    own = broker.certificate_file
    if own is None:
        return (
            f"the broker at {where} ends the connection: where it asks for a certificate, set "
            f"{VARIABLE}CERTIFICATE_FILE and {VARIABLE}KEY_FILE ({_short(said)})"
        )
    return (
        f"the broker at {where} does not accept the certificate of {VARIABLE}CERTIFICATE_FILE "
        f"({own}{_until(own)}): have one made by an authority that it knows ({_short(said)})"
    )


def _theirs(broker: BrokerSettings, where: str) -> str | None:
    """What is wrong with the certificate of the first broker that answers; empty: nothing.

    None: there is no such broker.
    """
    context = ssl.create_default_context(cafile=None if not broker.ca_file else str(broker.ca_file))
    for each in where.split(","):
        host, _, port = each.strip().rpartition(":")
        host = host.strip("[]")
        try:
            with (
                socket.create_connection((host, int(port)), HANDSHAKE_S) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                return ""
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError:  # it wants a certificate of ours, and says so at once
            return ""
        except (OSError, ValueError):
            continue
    return None


def _until(file: Path) -> str:
    """Until when our certificate is good, where that is over."""
    from cryptography import x509  # 20 ms, for the one who is refused

    try:
        until = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return ""
    return f", expired {until:%Y-%m-%d}" if until < datetime.now(UTC) else ""


def _short(said: str) -> str:
    """What librdkafka says, without its address and its stop-watch."""
    return said.rpartition("bootstrap: ")[2].partition(" (after ")[0].strip()[:200]
