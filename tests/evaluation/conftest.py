"""What tests of scores share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evaluation.quality.judge import LocalJudge, load
from streams.flow.caching import kept


@pytest.fixture(scope="package")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalJudge]:
    with LocalJudge(kept("models", tmp_path_factory.mktemp("models")), load(), streams=1) as found:
        yield found
