"""What benches hold their figures against runs by itself too."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.bench.child import Child
from streams.app.settings import Settings
from streams.local.redis import RedisServer


@pytest.mark.parametrize("unguarded", [False, True])
def test_the_processors_alone_answer_each_question_one_by_one_and_in_batches(
    redis: RedisServer, tmp_path: Path, unguarded: bool
) -> None:
    settings = Settings(data=tmp_path, redis={"url": redis.url})
    with Child("evaluation.bench.inline", settings) as alone:
        stages = alone.call("prepare", unguarded=unguarded)
        assert {"admit", "retrieve", "rerank", "generate.extractive"} <= {*stages}
        took = alone.call("one_by_one", tenant="acme", queries=["How much?", "Who?"])
        assert len(took) == 2
        assert alone.call("in_batches", tenant="acme", queries=["How much?"] * 8, size=4) > 0
