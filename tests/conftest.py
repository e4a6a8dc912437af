"""What several test files need; data is built in the tests themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.app.settings import Settings
from streams.local.broker import Broker
from streams.local.redis import RedisServer
from tests.system.copying import copying
from tests.system.harness import Bench

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests, the long ones go first, so that they end together."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: "system" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """What a test captured may be no text at all, on purpose; a report goes to another process."""
    report = yield
    report.sections = [
        (name, content.encode("utf-8", "backslashreplace").decode())
        for name, content in report.sections
    ]
    return report


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data; where a user's clone has none, the test is skipped."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the public data at {SHARED}")
        pytest.skip("the public data folder is not beside this checkout")
    return SHARED


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests set what they need; a developer's MILLRACE_* variables must not reach them."""
    for name in list(os.environ):
        if name.startswith("MILLRACE_"):
            monkeypatch.delenv(name)
    yield


# One real broker for all tests that need one; topics and folders are each test's own.
@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(Settings(data=tmp_path_factory.mktemp("broker"))) as broker:
        yield broker


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(
        Settings(data=tmp_path_factory.mktemp("redis"), redis={"cache_mb": 16})
    ) as redis:
        yield redis


@pytest.fixture
def bench(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Topics and groups named after the test, its data in a folder of its own."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")[:80]
    bench = Bench(
        Settings(data=tmp_path, bootstrap_servers=broker.bootstrap_servers, group_prefix=name)
    )
    bench.create([copying(name)])
    yield bench
    bench.close()
