"""Faust's driver as it has to be here: it reads what is committed, and signs in as we do.

Faust reads uncommitted records unless it writes transactions itself; rag.usage is written in
transactions, of which aborted ones must not count. Its own transactions counted a record twice
after a kill, in a trial: so it writes none, and rows keep what they have seen.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from streams.flow.errors import UserError

_PROTOCOL = "security.protocol"
_SASL = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        consumer: Any = super()._create_consumer(loop=loop)
        if not hasattr(consumer, "_isolation_level"):
            raise UserError(
                "aiokafka keeps its isolation level elsewhere in this release: install the one "
                "that requirements-usage.lock pins"
            )
        consumer._isolation_level = "read_committed"  # handed to its fetcher when it starts
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        own: Any = self  # its types are known in part
        return _Thread(self, loop=own.loop, beacon=own.beacon)


class CommittedTransport(driver.Transport):
    """Reads only what is committed."""

    Consumer = _Consumer


def credentials(kafka: Mapping[str, Any]) -> Any:
    """Faust's form of librdkafka's security options; None where there are none.

    Raises:
        UserError: an option has no counterpart here.
    """
    options = {name.lower(): value for name, value in kafka.items()}
    protocol = options.pop(_PROTOCOL, "plaintext").upper()
    context = _tls(options) if protocol.endswith("SSL") else None
    if protocol == "PLAINTEXT":
        found: Any = None
    elif protocol == "SSL":
        found = faust.SSLCredentials(context)
    else:
        mechanism = options.pop("sasl.mechanism", options.pop("sasl.mechanisms", "")).upper()
        if mechanism not in _SASL:
            raise UserError(
                f"`usage` signs in by {', '.join(sorted(_SASL))}; MILLRACE_BROKER__MECHANISM or "
                f"MILLRACE_KAFKA says '{mechanism or 'no sasl.mechanism'}'"
            )
        found = faust.SASLCredentials(
            username=options.pop("sasl.username", ""),
            password=options.pop("sasl.password", ""),
            ssl_context=context,
            mechanism=mechanism,
        )
    left = [name for name in options if name.startswith(("sasl.", "ssl.", "security."))]
    if left:
        raise UserError(
            f"`usage` has no {left[0]}, which MILLRACE_KAFKA or MILLRACE_BROKER__* sets: leave it "
            "out"
        )
    return found


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.pop("ssl.ca.location", None))
        certificate = options.pop("ssl.certificate.location", None)
        if certificate is not None:
            context.load_cert_chain(
                certificate,
                options.pop("ssl.key.location", None),
                options.pop("ssl.key.password", None),
            )
    except OSError as error:
        raise UserError(
            f"a certificate of MILLRACE_BROKER__* or MILLRACE_KAFKA cannot be read: {error}"
        ) from None
    if options.pop("ssl.endpoint.identification.algorithm", "https") == "none":
        context.check_hostname = False
    return context
