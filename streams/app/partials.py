"""Answers as they are written, on rag.partials: beside the transactions, and soon."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import topics
from schemas.events import PartialAnswer
from streams.app import codecs
from streams.app.settings import Settings
from streams.flow.errors import Retry
from streams.flow.port import Opening
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.envelope import Envelope, common, stamp_of
from streams.runtime.record import Headers
from streams.runtime.telemetry import PARTIALS

_log = logging.getLogger(__name__)
CLOSE_S = 2.0
# Nobody waits for one that is late: the answer has it all.
LATE_MS = 5000
_ENVELOPE = Envelope("generate", PartialAnswer)


class KafkaPartials:
    """`Partials` by a producer of its own. What cannot be sent is counted, and left."""

    def __init__(self, producer: Producer, codec: Codec) -> None:
        self._producer, self._codec = producer, codec
        self._failing = False

    def tell(self, event: PartialAnswer) -> None:
        """See `Partials.tell`."""
        topic = topics.RAG_PARTIALS
        try:
            value = self._codec.encode(topic.name, event)
            self._producer.produce(
                topic.name,
                value,
                topic.key(event).encode(),
                headers=[*_headers(event)],
                on_delivery=self._delivered,
            )
            self._producer.poll(0)
        except (BufferError, KafkaException, Retry) as error:
            self._lost(str(error))

    def close(self) -> None:
        self._producer.flush(CLOSE_S)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        if error is not None:
            self._lost(error.str())
        else:
            self._failing = False
            PARTIALS.labels("told").inc()

    def _lost(self, why: str) -> None:
        PARTIALS.labels("lost").inc()
        if not self._failing:  # said once
            _log.warning("answers are not told on rag.partials as they are written: %s", why)
        self._failing = True


def _headers(event: PartialAnswer) -> Headers:
    """As every record has them; the same piece told again has the same id."""
    cause = f"{event.request_id}/{event.tier}".encode()
    shared = common(stamp_of(event.told_at), cause, event.request_id.encode(), b"")
    return _ENVELOPE.headers(cause, event.ordinal, shared)


def partials(settings: Settings, opening: Opening) -> KafkaPartials:
    """A producer that is closed with the process."""
    options = kafka.producer_options(settings) | {
        "enable.idempotence": False,
        "acks": 1,
        "message.timeout.ms": LATE_MS,
    }
    made = KafkaPartials(kafka.new_producer(options), codecs.codec(settings, opening.stack))
    opening.stack.callback(made.close)
    return made
