"""Looks at a zipped format before anything unpacks it."""

from __future__ import annotations

import io
import zipfile

from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # also what an encrypted Office document is kept in
_ENCRYPTED = 0x1
# Below this no ratio is a danger.
_HARMLESS_BYTES = 8 * 1024 * 1024
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")


def checked(data: bytes, needs: str, limits: Limits) -> None:
    """Nothing, if `data` is a zip file with an entry called `needs` that is safe to unpack.

    What an entry says of its size is believed: `zipfile` gives no byte more than that.

    Raises:
        Unreadable: it is no such file, is encrypted, or would unpack to more than the limits.
    """
    if data.startswith(_OLE):
        if _ENCRYPTED_STREAM in data:
            raise Unreadable("encrypted", "is encrypted: save it without a password")
        raise Unreadable("unsupported", "is in an older Office format: save it in today's")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable("damaged", f"is no whole Office document: {error}") from None
    if len(entries) > limits.max_entries:
        raise Unreadable("bomb", f"holds {len(entries):,} entries; at most {limits.max_entries:,}")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Unreadable("encrypted", "is encrypted: save it without a password")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.max_unpacked_bytes:
        raise Unreadable(
            "bomb", f"unpacks to {unpacked:,} bytes; at most {limits.max_unpacked_bytes:,}"
        )
    ratio = unpacked / max(1, len(data))
    if unpacked > _HARMLESS_BYTES and ratio > limits.max_ratio:
        raise Unreadable(
            "bomb", f"unpacks to {ratio:,.0f} times its size; at most {limits.max_ratio:,.0f}"
        )
    if needs not in {entry.filename for entry in entries}:
        raise Unreadable("damaged", f"is no such document: it holds no {needs}")
