"""Notices of a bucket's changes, in the forms that stores send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.sources.notices import named
from processors.documents.sources import NoNotice


def of_s3(bucket: str, *keys: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """As S3, MinIO and Ceph write it."""
    return {
        "Records": [
            {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
            for key in keys
        ]
    }


def told(datum: object, prefix: str = "") -> list[str]:
    return named(json.dumps(datum).encode(), "handbook", prefix)


def test_all_objects_of_a_notice_are_named_as_they_are_called() -> None:
    keys = ("a.md", "b/%C3%A4+%23%2B.md")
    assert told(of_s3("handbook", *keys)) == ["a.md", "b/ä #+.md"]


def test_removals_name_their_object_too() -> None:
    assert told(of_s3("handbook", "a.md", event="ObjectRemoved:Delete")) == ["a.md"]


def test_what_minio_adds_around_it_changes_nothing() -> None:
    around = {"EventName": "s3:ObjectCreated:Put", "Key": "handbook/a.md"}
    assert told(around | of_s3("handbook", "a.md")) == ["a.md"]


def test_a_notification_service_wraps_it() -> None:
    wrapped = {"Type": "Notification", "Message": json.dumps(of_s3("handbook", "a+b.md"))}
    assert told(wrapped) == ["a b.md"]


def test_eventbridge_writes_keys_as_they_are() -> None:
    detail = {"bucket": {"name": "handbook"}, "object": {"key": "a+b.md"}}
    assert told({"detail-type": "Object Created", "detail": detail}) == ["a+b.md"]


def test_other_buckets_and_prefixes_concern_nobody() -> None:
    assert told(of_s3("other", "a.md")) == []
    assert told(of_s3("handbook", "kb/a.md", "kb2/b.md"), "kb/") == ["a.md"]


def test_the_notice_that_notices_were_set_up_names_nothing() -> None:
    assert told({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "handbook"}) == []


@pytest.mark.parametrize(
    "value",
    [b"", b"no json", b"[]", b"{}", b'{"Records": [{}]}', b'{"Records": 3}', b'{"Message": "x"}'],
)
def test_what_is_no_notice_is_told(value: bytes) -> None:
    with pytest.raises(NoNotice, match=r"is no JSON|names no object"):
        named(value, "handbook", "")
