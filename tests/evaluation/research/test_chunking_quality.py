"""The gate on chunking: the shipped policy passes it, and a worsened one fails it.

The floors stand a little below what the shipped policy measures, so that a change which retrieves
worse fails the build even where its version is bumped and accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from evaluation.research.chunking.measure import Ports, measure, open_model
from evaluation.research.chunking.sets import DataSet, folder, sample_corpus
from processors.documents.chunking import ChunkingPolicy, parse
from streams.app import config as app_config
from streams.app import policies
from streams.app.settings import Settings
from tests.support.fakes import ROOT

SHARED = ROOT.parent / "shared" / "data"
WINDOW = 254
SAMPLE_FLOOR = 0.9  # measured: .969, and .619 worsened
RULEBOOK_FLOOR = 0.55  # measured: .631, and 0 worsened, where hardly a sentence is left whole
WORSE: dict[str, Any] = {"strategies": ["fixed"], "max_tokens": 20, "min_tokens": 0}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    settings = Settings(data=tmp_path_factory.mktemp("quality"))
    with ExitStack() as stack:
        yield open_model(settings, stack)


def shipped() -> ChunkingPolicy:
    return app_config.chunking_policy(Settings())


def worsened(*types: str) -> ChunkingPolicy:
    """The shipped file with these types cut into pieces of 20 tokens."""
    said = policies.read("chunking.yaml")
    said["types"] |= dict.fromkeys(types, WORSE)
    return parse(said, WINDOW)


def ndcg(sets: Sequence[DataSet], policy: ChunkingPolicy, ports: Ports) -> float:
    """nDCG@10 over the questions of all sets."""
    retrieval = app_config.config(Settings()).retrieval
    found = [measure(each, policy, ports, retrieval) for each in sets]
    return sum(f.ndcg * f.questions for f in found) / sum(f.questions for f in found)


def test_the_shipped_chunking_finds_the_sample_answers(ports: Ports) -> None:
    assert ndcg(sample_corpus(), shipped(), ports) >= SAMPLE_FLOOR


def test_a_worsened_chunker_fails_the_build(ports: Ports) -> None:
    assert ndcg(sample_corpus(), worsened("markdown"), ports) < SAMPLE_FLOOR


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public data sets are not beside the checkout")
def test_the_shipped_chunking_finds_provisions_in_rulebooks_and_a_worsened_one_does_not(
    ports: Ports,
) -> None:
    _, whole = folder(SHARED / "obliqa", most_documents=150, most_questions=2788)
    assert ndcg([whole], shipped(), ports) >= RULEBOOK_FLOOR
    assert ndcg([whole], worsened("text"), ports) < RULEBOOK_FLOOR
