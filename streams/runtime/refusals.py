"""Outputs that a topic does not take: which of them will never be taken."""

from __future__ import annotations

from confluent_kafka import KafkaError

from streams.runtime.record import Output, Record

# What a topic says of a record, and will say again.
_TOO_LARGE = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
    }
)
# What a topic that others own may say beside that.
_CLOSED = _TOO_LARGE | {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.POLICY_VIOLATION,
    KafkaError._UNKNOWN_TOPIC,  # pyright: ignore[reportPrivateUsage]
}
# Of our own topics it may be a setting that somebody is just mending.
_PATIENCE = 3


class Refusals:
    """Those of one transaction."""

    def __init__(self) -> None:
        self._failed: list[tuple[Record, Output, KafkaError]] = []

    def clear(self) -> None:
        self._failed.clear()

    def add(self, record: Record, output: Output, error: KafkaError) -> None:
        self._failed.append((record, output, error))

    def final(self, aborts: int) -> tuple[Record, Output, str] | None:
        """An output that cannot be written, and why; `aborts` were there in a row."""
        for record, output, error in self._failed:
            codes = _CLOSED if output.copy else _TOO_LARGE
            if error.code() in codes and (output.copy or aborts >= _PATIENCE):
                return record, output, error.str()
        return None

    def forbidden(self) -> str:
        """A topic of our own that we may not write; empty: there is none."""
        code = KafkaError.TOPIC_AUTHORIZATION_FAILED
        closed = (o.topic for _, o, error in self._failed if not o.copy and error.code() == code)
        return next(closed, "")
