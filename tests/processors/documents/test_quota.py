"""How many changes of a tenant are live."""

from __future__ import annotations

import pytest

from processors.documents import quota
from processors.documents.quota import MINUTE_MS, LiveQuota


def _live(bucket: LiveQuota, tenant: str, count: int, at_ms: int) -> int:
    return sum(bucket.take(tenant, at_ms) for _ in range(count))


def test_a_tenants_changes_of_a_minute_are_live_up_to_its_quota() -> None:
    bucket = LiveQuota(lambda _: 600)
    assert _live(bucket, "acme", 1000, 0) == 600
    assert _live(bucket, "other", 10, 0) == 10
    assert _live(bucket, "acme", 1000, MINUTE_MS // 10) == 60
    assert _live(bucket, "acme", 1000, 100 * MINUTE_MS) == 600


def test_time_is_the_records_own() -> None:
    bucket = LiveQuota(lambda _: 60)
    evenly = [bucket.take("acme", second * 1000) for second in range(600)]
    assert all(evenly), "a change a second is within the quota, however fast it is read"
    assert _live(bucket, "acme", 100, 0) <= 60, "an older record fills nothing"


def test_without_a_quota_nothing_is_live() -> None:
    assert _live(LiveQuota(lambda _: 0), "acme", 5, MINUTE_MS) == 0


def test_buckets_of_many_tenants_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MOST_TENANTS", 10)
    bucket = LiveQuota(lambda _: 1)
    assert all(bucket.take(f"t{n}", 0) for n in range(100))
    assert len(bucket._buckets) <= 10
