"""How rare a word is. OpenSearch counts it over whole shards, and takes no part in this."""

from __future__ import annotations

import numpy as np
import pytest

from processors.documents.applying import apply
from processors.guard.sight import UNLABELLED
from processors.ports import SearchQuery
from processors.questions.retrieve import search
from tests.connectors.test_labels import labelled
from tests.support.index_events import Index, change, searched, vector


def test_how_rare_a_word_is_tells_nothing_of_what_is_closed(index: Index) -> None:
    apply(index, [change("a", 1, ("text alpha",)), change("b", 1, ("text beta",))])

    def scores() -> list[float]:
        vectors = np.stack([vector("text")]).astype(np.float32)
        query = SearchQuery("acme", ["alpha"], vectors, 9, UNLABELLED.access)
        return search([query], searched(index))[0].lexical[0].scores

    before = scores()
    apply(index, [labelled(change(f"c{n}", 1, ("text alpha",)), ["hr"]) for n in range(9)])
    assert before and scores() == pytest.approx(before)
