"""What an S3-compatible store tells of its changes: which objects to look at.

A notice is never believed: it names objects, and the store is asked what became of them. So one
that is late, lost or repeated harms nothing.
"""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import unquote_plus

from processors.documents.sources import NoNotice

LONGEST = 200


def named(value: bytes, bucket: str, prefix: str) -> list[str]:
    """The names below `prefix` that a notice is about, none where it is about other buckets.

    Read are S3's own form (`Records`), which MinIO and Ceph send as well, as it is or as the
    `Message` of a notification service, and EventBridge's.

    Raises:
        NoNotice: it is none of these.
    """
    try:
        datum = json.loads(value)
    except ValueError:
        raise NoNotice(f"is no JSON: {value[:LONGEST].decode('utf-8', 'replace')}") from None
    found = (key for name, key in _objects(datum) if name == bucket)
    return [key.removeprefix(prefix) for key in found if key.startswith(prefix)]


def _objects(datum: Any) -> list[tuple[str, str]]:
    """Buckets and keys."""
    if isinstance(datum, dict):
        told = cast("dict[str, Any]", datum)
        try:
            if "Message" in told and "Records" not in told:
                return _objects(json.loads(told["Message"]))
            if "Records" in told:
                records = [each["s3"] for each in told["Records"]]
                # Spaces and what is not ASCII are written there as in an HTML form.
                return [(s3["bucket"]["name"], unquote_plus(s3["object"]["key"])) for s3 in records]
            if "detail" in told and "bucket" in told["detail"]:
                detail = told["detail"]
                return [(detail["bucket"]["name"], detail["object"]["key"])]
            if told.get("Event") == "s3:TestEvent":
                return []
        except (KeyError, TypeError, AttributeError, ValueError):
            pass
    raise NoNotice(f"names no object of a bucket: {json.dumps(datum)[:LONGEST]}")
