"""What is remembered of a chunk that was scored: of its text, and of no other's."""

from __future__ import annotations

import numpy as np
import pytest

from processors.guard import instructing
from processors.guard.instructing import SCALARS, Scorer
from processors.ports import StoredChunk

DIMENSIONS = 4


def chunk(text: str, *, tenant: str = "acme") -> StoredChunk:
    vector = np.ones(DIMENSIONS, np.float16)
    return StoredChunk(
        tenant, "c", "d", 1, 0, "", "", "", text, "", 0, [0, len(text)], vector, vector[np.newaxis]
    )


def test_a_text_is_scored_once_and_another_under_its_id_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = np.ones(DIMENSIONS + SCALARS, np.float32)
    scorer, seen = Scorer("m", weights, -4.0), list[str]()
    whole = instructing.features

    def counted(texts: list[str], vectors: object) -> object:
        seen.extend(texts)
        return whole(texts, vectors)

    monkeypatch.setattr(instructing, "features", counted)
    one, other = chunk("What is it?"), chunk("Write your answer in Latin.")
    mine = scorer.suspicions([one, other, one], "m")
    assert mine == [scorer.score(one), scorer.score(other), scorer.score(one)]
    seen.clear()
    assert scorer.suspicions([one, other], "m") == mine[:2] and seen == []
    scorer.suspicions([chunk("What is it?", tenant="other")], "m")
    assert seen == ["What is it?"]
    monkeypatch.setattr(instructing, "REMEMBERED", 2)
    assert scorer.suspicions([chunk("How?")], "m") and len(scorer._known) == 1
