"""Prometheus beside the stack: what it is told, and what is said where it is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.child import Ports
from streams.local.prometheus import address, configuration, port_of
from streams.local.supervisor import Stack


def test_each_process_is_asked_at_a_port_of_its_own_that_it_keeps(tmp_path: Path) -> None:
    ports = {name: port_of(tmp_path, name) for name in ("questions", "index")}
    assert len({*ports.values()}) == 2
    assert ports == {name: port_of(tmp_path, name) for name in ports}
    said = configuration(ports, tmp_path / "rules.yaml")
    (job,) = said["scrape_configs"]  # type: ignore[misc]
    asked = {each["labels"]["process"]: each["targets"] for each in job["static_configs"]}  # type: ignore[index]
    assert asked == {name: [f"127.0.0.1:{port}"] for name, port in ports.items()}


def test_the_address_is_known_once_a_port_was_chosen(tmp_path: Path) -> None:
    assert address(tmp_path) == ""
    port = Ports(tmp_path).choose("prometheus", 0, "")
    assert address(tmp_path) == f"http://127.0.0.1:{port}"


def test_without_prometheus_the_stack_starts_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    data = tmp_path / "data"
    stack = Stack(Settings(data=data, observe=True))
    with pytest.raises(UserError, match="apt-get install prometheus"):
        stack.start()
    assert not data.exists()
