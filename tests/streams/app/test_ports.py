"""Ports as a process opens them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from connectors.openai_compatible.calls import FAILURES
from processors.needs import generator
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.flow.errors import Retry
from streams.runtime.telemetry import REGISTRY


def test_that_a_model_is_away_is_shown_and_refused_calls_are_not_its_time(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path, tiers={"large": {"url": "http://127.0.0.1:9", "model": "away-model"}}
    )

    def shown(outcome: str) -> float | None:
        labels = {"model": "away-model", "outcome": outcome}
        return REGISTRY.get_sample_value("millrace_model_seconds_count", labels)

    def away() -> float | None:
        return REGISTRY.get_sample_value("millrace_peer_away", {"peer": "tier large"})

    with ExitStack() as stack:
        model = open_these(settings, stack, generator("large"))[generator("large")]
        assert away() == 0
        for _ in range(FAILURES + 10):
            with pytest.raises(Retry):
                model.complete("", "", most_tokens=1)
        assert away() == 1
    assert (shown("failed"), shown("not asked")) == (FAILURES, 10)
