"""What the broker is told of a topic when it is made."""

from __future__ import annotations

from typing import Any

from streams.flow.topic import MIB, Topic

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def topic_options(topic: Topic[Any]) -> dict[str, str]:
    """The topic's own settings at the broker."""
    retention = str(topic.retention_hours * HOUR_MS)
    # Records leave by whole segments, which otherwise are a week long.
    options = {"retention.ms": retention, "segment.ms": str(DAY_MS)}
    if topic.compacted:
        # Compaction keeps the newest change of each document for ever: an index can be rebuilt.
        options = {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.5",
            # A day after it was replaced, text leaves the log with whatever comes next: a segment
            # ends when it is written to.
            "max.compaction.lag.ms": str(DAY_MS),
            "min.compaction.lag.ms": str(topic.whole_hours * HOUR_MS),
        }
    if topic.expires:
        options |= {
            "cleanup.policy": "compact,delete",
            "segment.ms": str(DAY_MS),
            "retention.ms": retention,
            # A deletion stays as long as any copy of the table may have what it deletes.
            "delete.retention.ms": retention,
        }
    if topic.edge:
        # The broker then unpacks what it is given, and its cap is on what that is: a bomb is
        # refused before anybody reads it.
        options["compression.type"] = "uncompressed"
    if topic.max_bytes != MIB:
        options["max.message.bytes"] = str(topic.max_bytes)
    return options
