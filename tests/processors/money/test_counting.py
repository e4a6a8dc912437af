"""What the embedding of a question's variants is said to have used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from connectors.memory.index import MemoryIndex
from processors.documents.applying import apply
from processors.guard.sight import UNLABELLED
from processors.money.counting import Counting
from processors.ports import Passage
from processors.questions.retrieve import RetrievalConfig, retrieve
from schemas.events import QuestionRewritten
from streams.flow.errors import Retry
from tests.support.index_events import SIZE, change, searched, vector
from tests.support.prices import PRICES
from tests.support.question_events import carried


class Words:
    """A token is a word."""

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


class Embedder:
    """An encoder that may be away."""

    model, dimensions = "m", SIZE

    def __init__(self, *, down: bool) -> None:
        self.down = down

    def embed_passages(self, passages: Sequence[Passage]):
        raise AssertionError("no passage is embedded for a question")

    def embed_queries(self, queries: Sequence[str]) -> np.ndarray:
        if self.down:
            raise Retry("the embedding service does not answer")
        return np.array([vector(text) for text in queries], np.float32)


@pytest.mark.parametrize("down", [False, True])
def test_what_was_not_embedded_is_no_call_that_anybody_pays_for(down: bool) -> None:
    index = MemoryIndex("v7", SIZE)
    apply(index, [change("alpha", 1, ("alpha",))])
    (outcome,) = retrieve(
        [QuestionRewritten(carried=carried("alpha", variants=["alpha", "alpha one"]))],
        embedder=Embedder(down=down),
        index=searched(index),
        config=RetrievalConfig(),
        sights=[UNLABELLED],
        counting=Counting(Words(), PRICES),
    )
    assert not isinstance(outcome, Exception)
    used = [(each.operation, each.input_tokens) for each in outcome[0].carried.usage]
    assert used == ([] if down else [("embed", 3)])
