"""One real broker for all system tests; topics and folders are each test's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.app.settings import Settings
from streams.local.broker import Broker
from streams.local.redis import RedisServer
from tests.system.copying import copying
from tests.system.harness import Bench


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


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("system")
