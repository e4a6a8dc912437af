"""What was said of who may see a document, as changes that say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.events import DocumentIndexed, DocumentVersion

COMING, OF_VERSION = "coming", "version"  # what `access_of` a change may be


def said_again(done: DocumentIndexed) -> Iterator[DocumentVersion]:
    """What an acknowledgement tells of access, as changes that say it."""
    for each in done.access:
        yield replace(
            done.document,
            acl=each.names if each.about == "acl" else None,
            classes=each.names if each.about == "classes" else None,
            fed_at=each.fed_at,
            sequence=each.sequence,
            version=each.fed_at if each.version is None else each.version,
            access_of=COMING if each.coming else "" if each.version is None else OF_VERSION,
        )
