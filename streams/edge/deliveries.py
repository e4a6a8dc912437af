"""What became of the records that a command writes: it says "done" of what the broker has."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message, Producer

from streams.flow.errors import UserError


class Deliveries:
    """Told of each record's delivery; `producer.flush` alone says nothing of those refused."""

    def __init__(self) -> None:
        self._refused = ""

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and not self._refused:
            self._refused = f"the broker takes no record of {message.topic()}: {error.str()}"

    def wait(self, producer: Producer, patience_s: float) -> None:
        """Return once the broker has all.

        Raises:
            UserError: it refused one, or does not answer for so many seconds.
        """
        left = producer.flush(patience_s)
        if self._refused:
            raise UserError(self._refused)
        if left:
            raise UserError(f"{left:,} records are not delivered: the broker does not answer")
