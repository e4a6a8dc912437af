"""What Qdrant does beside what every index promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.qdrant.index import QdrantIndex
from processors.guard.sight import UNLABELLED
from streams.flow.errors import Retry
from tests.support.index_events import SIZE, apply, change, delete, texts
from tests.support.qdrant import collection

OPEN = UNLABELLED.access


@pytest.fixture
def index() -> Iterator[QdrantIndex]:
    with collection(SIZE) as index:
        yield index


@pytest.mark.parametrize("moment", ["_write_fences", "_still_ours"])
def test_who_was_frozen_in_the_middle_of_a_write_changes_nothing(
    index: QdrantIndex, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    apply(index, [change("a", 1, ("1.0", "1.1", "1.2"))])
    own = getattr(index, moment)

    def frozen(*given: Any) -> Any:
        monkeypatch.setattr(index, moment, own)
        found = own(*given) if moment == "_write_fences" else None
        apply(index, [change("a", 2, ("2.0", "2.1"))])  # a successor's
        apply(index, [change("a", 3, ("3.0",))])
        return own(*given) if moment == "_still_ours" else found

    monkeypatch.setattr(index, moment, frozen)
    with pytest.raises(Retry, match="somebody else"):
        apply(index, [change("a", 2, ("2.0", "2.1"))])
    assert texts(index) == ["3.0"]


def test_a_fence_that_was_written_since_it_was_read_stays(
    index: QdrantIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(index, [change("a", 1, ("one",))])
    read = index._fences

    def late(documents: Any) -> Any:
        found = read(documents)
        monkeypatch.setattr(index, "_fences", read)
        apply(index, [delete("a", 9)])
        return found

    monkeypatch.setattr(index, "_fences", late)
    with pytest.raises(Retry, match="somebody else"):
        apply(index, [change("a", 2, ("two",))])
    assert texts(index) == []


def test_acronyms_and_words_are_counted_by_tenant(index: QdrantIndex) -> None:
    said = "Anti-Money Laundering (AML) is policy."
    apply(index, [change("a", 1, (said,)), change("b", 1, ("policy",), tenant="b")])
    words = index.lexicon("acme", OPEN)._words
    assert words.having(["policy", "laundering", "none"]) == {"policy": 1, "laundering": 1}
    assert words.long_forms("AML") == {"anti money laundering": 1}
    assert index.lexicon("b", OPEN)._words.long_forms("AML") == {}
