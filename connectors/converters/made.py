"""What a converter makes of one file, and the limits it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Made:
    """Text of a document; `unread` names what of it could not be read."""

    body: str
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost."""

    max_bytes: int = 16 * 1024 * 1024
    max_text_bytes: int = 16 * 1024 * 1024
    max_pages: int = 5_000
    timeout_s: float = 60.0  # of the processor, so that a busy machine fails no document
    patience: float = 20.0  # of the clock, in multiples of that: converters give way to others
    memory_mb: int = 1024
    # Of a zipped format, unpacked. A sheet's XML packs 10 to 30 times smaller, and a bomb a
    # thousand times.
    max_unpacked_bytes: int = 512 * 1024 * 1024
    max_ratio: float = 150.0
    max_entries: int = 20_000


def some(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"
