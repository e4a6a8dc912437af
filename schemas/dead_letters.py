"""Typed events of what failed.

Generated from schemas/avro by `python -m schemas.codegen`: do not edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHeader:
    """One header of a Kafka record."""

    key: str
    value: bytes | None

    def to_avro(self) -> dict[str, Any]:
        return {
            "key": self.key, "value": self.value,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> RecordHeader:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """A record that cannot be processed, with its original bytes, on docs.dlq and rag.dlq."""

    stage: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[RecordHeader]
    reason: str
    """One sentence a person can act on."""
    detail: str
    """Exception and traceback, where there was one."""
    attempts: int
    failed_at: int

    def to_avro(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "topic": self.topic, "partition": self.partition,
            "offset": self.offset, "timestamp": self.timestamp, "key": self.key,
            "value": self.value, "headers": [item.to_avro() for item in self.headers],
            "reason": self.reason, "detail": self.detail, "attempts": self.attempts,
            "failed_at": self.failed_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DeadLettered:
        datum["headers"] = [RecordHeader.from_avro(item) for item in datum["headers"]]
        return cls(**datum)
