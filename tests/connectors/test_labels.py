"""Who may see a document: kept with it in every store, and changed by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from connectors.memory.index import MemoryIndex
from processors.documents.applying import apply
from processors.documents.index import index as indexed
from processors.guard.access import Access
from processors.guard.asking import may_search, may_show
from processors.guard.identity import Identity
from processors.ports import SearchQuery
from processors.questions.retrieve import search
from schemas.events import DocumentEmbedded, DocumentIndexed
from tests.support.fakes import POLICY
from tests.support.index_events import SIZE, Index, change, delete, searched, vector


def seen(index: Index, *groups: str, classes: tuple[str, ...] = ("unclassified",)) -> set[str]:
    """The texts that somebody finds, in both indexes alike."""
    access = Access(frozenset(classes), frozenset(groups))
    return found(index, access)


def found(index: Index, access: Access, tenant: str = "acme") -> set[str]:
    vectors = np.stack([vector("text")]).astype(np.float32)
    query = SearchQuery(tenant, ["text"], vectors, 1000, access)
    (result,) = search([query], searched(index))
    dense, lexical = result.dense[0].chunk_ids, result.lexical[0].chunk_ids
    assert {*dense} == {*lexical}
    return {chunk.text for chunk in index.fetch(tenant, dense).values()}


def labelled(
    event: DocumentEmbedded,
    acl: list[str] | None = None,
    classes: list[str] | None = None,
    at: int = 2,
) -> DocumentEmbedded:
    said = replace(event.document, acl=acl, classes=classes, fed_at=at)
    return replace(event, document=said)


def access(
    doc_id: str, acl: list[str] | None = None, classes: list[str] | None = None, at: int = 9
) -> DocumentEmbedded:
    """A change of who may see it, and of nothing else."""
    return labelled(change(doc_id, at, op="access"), acl, classes, at)


def test_without_a_word_about_it_a_document_is_everyones(index: Index) -> None:
    apply(index, [change("a", 1, ("text a",))])
    assert seen(index, "*") == {"text a"}
    assert seen(index, "hr") == set(), "who is not everyone must be on the list"
    assert seen(index, "*", classes=("public",)) == set()


def test_a_list_names_who_may_see_it_and_an_empty_one_nobody(index: Index) -> None:
    apply(index, [labelled(change("a", 1, ("text a",)), ["hr", "it"])])
    apply(index, [labelled(change("b", 1, ("text b",)), [])])
    assert seen(index, "*") == set()
    assert seen(index, "*", "it") == {"text a"}


def test_all_classes_of_a_document_are_needed(index: Index) -> None:
    apply(index, [labelled(change("a", 1, ("text a",)), classes=["public", "secret"])])
    assert seen(index, "*", classes=("public", "unclassified")) == set()
    assert seen(index, "*", classes=("public", "secret", "other")) == {"text a"}


def test_a_change_of_access_alone_is_in_force_for_all_chunks_and_keeps_the_text(
    index: Index,
) -> None:
    apply(index, [change("a", 1, ("text a", "text b")), change("c", 1, ("text c",))])
    before = {chunk.chunk_id: (chunk.text, chunk.doc_version) for chunk in index.scan()}
    apply(index, [access("a", ["hr"])])
    assert seen(index, "*") == {"text c"}
    assert seen(index, "hr") == {"text a", "text b"}
    apply(index, [access("a", ["*"], at=10)])
    assert seen(index, "*") == {"text a", "text b", "text c"}
    assert {chunk.chunk_id: (chunk.text, chunk.doc_version) for chunk in index.scan()} == before


def test_a_new_text_does_not_open_what_was_closed(index: Index) -> None:
    apply(index, [change("a", 1, ("text a",)), access("a", ["hr"], ["secret"])])
    apply(index, [labelled(change("a", 2, ("text new", "text more")), at=20)])
    assert seen(index, "*", "hr") == set()
    assert seen(index, "hr", classes=("secret",)) == {"text new", "text more"}


def test_what_was_fed_last_counts_in_whatever_order_it_comes(index: Index) -> None:
    apply(index, [access("a", ["hr"], at=9)])  # of a document that is still on its way
    apply(index, [labelled(change("a", 1, ("text a",)), ["*"], at=5)])
    assert seen(index, "*") == set()
    assert seen(index, "hr") == {"text a"}
    apply(index, [access("a", ["*"], at=8), access("a", None, ["public"], at=7)])
    assert seen(index, "hr", classes=("public",)) == {"text a"}


def test_an_index_that_is_made_again_keeps_what_was_closed_while_an_older_change_was_on_its_way(
    index: Index,
) -> None:
    opened = labelled(change("a", 1, ("text a",)), ["*"], at=5)
    late = access("a", ["*"], at=5)
    *_, outcome = indexed([opened, access("a", ["hr"], at=9), late], store=index, now=int)
    assert isinstance(outcome, Sequence)
    last = outcome[0]
    assert isinstance(last, DocumentIndexed)
    made = MemoryIndex("v1", SIZE)
    apply(made, [replace(late, document=last.document), opened])  # what compaction left
    assert seen(made, "*") == set()
    assert seen(made, "hr") == {"text a"}


@pytest.mark.parametrize("together", [True, False])
def test_in_one_batch_as_in_many(index: Index, together: bool) -> None:
    events = [
        labelled(change("a", 1, ("text old",)), ["hr"], at=1),
        access("a", ["it"], at=2),
        labelled(change("a", 2, ("text new",)), ["*"], at=3),
        access("a", ["*"], at=3),
        access("b", [], at=4),
        labelled(change("b", 1, ("text b",)), at=5),
    ]
    for batch in [events] if together else [[each] for each in events]:
        apply(index, batch)
    assert seen(index, "*", "it", "hr") == {"text new"}


def test_the_same_change_again_changes_nothing(index: Index) -> None:
    events = [change("a", 1, ("text a",)), access("a", ["hr"]), access("a", ["it"], at=10)]
    for _ in range(2):
        apply(index, events)
        assert seen(index, "it") == {"text a"} and seen(index, "hr", "*") == set()


def test_a_deleted_document_stays_closed_when_it_comes_back(index: Index) -> None:
    apply(index, [change("a", 1, ("text a",)), access("a", ["hr"]), delete("a", 2)])
    apply(index, [labelled(change("a", 3, ("text back",)), at=30)])
    assert seen(index, "*") == set()
    assert seen(index, "hr") == {"text back"}


NAMES = ("*", "hr", "it", "user:anne", "a b", "ü", '"q\\')
CLASSES = ("unclassified", "public", "internal", "secret")


def test_what_the_store_finds_is_what_the_policy_shows(index: Index) -> None:
    """The filter and the decision agree, over identities and documents of every kind."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)

    def some(names: tuple[str, ...]) -> list[str]:
        return rng.sample(names, rng.randrange(len(names)))

    tenants = ("acme", "other")
    for number in range(60):
        event = change(f"d{number}", 1, (f"text {number}",), tenant=rng.choice(tenants))
        said = rng.choice([None, some(NAMES)]), rng.choice([None, some(CLASSES)])
        apply(index, [labelled(event, *said)])
        if rng.random() < 0.5:
            document = replace(event.document, op="access", acl=some(NAMES), fed_at=3)
            apply(index, [replace(event, document=document, chunks=[])])
    for _ in range(60):
        proof = rng.choice(["trust", "topic", "token"])
        roles, classes = tuple(some(NAMES)), tuple(some(CLASSES))
        who = Identity(rng.choice(tenants), "anne", roles, classes, proof)
        decision = may_search(POLICY, who, ["text"])
        assert decision.allowed
        chunks = [*index.scan()]
        shown = [c for c, yes in zip(chunks, may_show(POLICY, who, chunks), strict=True) if yes]
        assert found(index, decision.access, who.tenant) == {chunk.text for chunk in shown}
