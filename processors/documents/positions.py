"""Where in its database's log a change stands, as a number that only grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BINLOG_BYTES = 40  # bits: a binary log file may grow to a terabyte
_ORDINALS = 31  # bits: changes of one second in MongoDB's log


def whole(value: object) -> int | None:
    """A number that Avro's long can hold."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    return None


def position(source: Mapping[str, Any]) -> int | None:
    """The place that a change event's `source` names; None where it names none.

    PostgreSQL has its log sequence number, MySQL and MariaDB file and offset, MongoDB second and
    ordinal.
    """
    if "lsn" in source:
        return whole(source["lsn"])
    file, offset = source.get("file"), whole(source.get("pos"))
    if isinstance(file, str) and offset is not None:
        number = file.rpartition(".")[2]
        return whole((int(number) << _BINLOG_BYTES) + offset) if number.isdecimal() else None
    ordinal, time = whole(source.get("ord")), whole(source.get("ts_ms"))
    if ordinal is not None and time is not None:
        return whole((time // 1000 << _ORDINALS) + ordinal)
    return None
