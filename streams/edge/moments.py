"""When something was: in a request's id, or as a person says it."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from uuid import UUID

from streams.flow.errors import UserError

_AGO = re.compile(r"(\d+)\s*([smhd])")
_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def new_request_id(now_ms: int) -> str:
    """A UUIDv7 (RFC 9562): its first 48 bits are the time, so that its trail is found by it."""
    value = (now_ms & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def time_of(request_id: str) -> int | None:
    """When a UUIDv7 was made, milliseconds since the epoch; None for any other id."""
    try:
        found = UUID(request_id)
    except ValueError:
        return None
    return found.int >> 80 if found.version == 7 else None


def moment(said: str, now_ms: int) -> int:
    """A time in ISO 8601 (UTC, where it says nothing else) or a span before now such as `90m`.

    Raises:
        UserError: it is neither.
    """
    if ago := _AGO.fullmatch(said.strip()):
        return max(0, now_ms - int(ago[1]) * _MS[ago[2]])
    try:
        found = datetime.fromisoformat(said.strip())
    except ValueError:
        raise UserError(
            f"'{said}' is no time: say 90m, 12h, 7d, or 2026-05-04 or 2026-05-04T10:30"
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return max(0, int(found.timestamp() * 1000))
