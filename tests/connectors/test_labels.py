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
from schemas.access import said_again
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
    assert (last.document.fed_at, last.superseded) == (5, True), "who fed it waits for this"
    again = [replace(late, document=each) for each in said_again(last)]
    apply(made, [*again, opened])  # what compaction left
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


def of_version(event: DocumentEmbedded, access_of: str) -> DocumentEmbedded:
    """What a version says of access, by itself, as it stands in the log beside the text."""
    return replace(
        event, document=replace(event.document, op="access", access_of=access_of), chunks=[]
    )


def test_an_old_version_that_is_sent_again_opens_no_newer_text(index: Index) -> None:
    apply(index, [labelled(change("a", 10, ("text new",)), ["hr"], at=5)])
    again = labelled(change("a", 5, ("text old",)), ["*"], at=9)
    apply(index, [again, of_version(again, "version")])
    assert seen(index, "*") == set() and seen(index, "hr") == {"text new"}
    for number, at in ((3, 2), (10, 5)):  # closed by an older version, or by itself
        apply(
            index, [labelled(change("b", number, ("text b",)), ["hr"] if at == 2 else None, at=at)]
        )
    apply(index, [access("c", ["hr"], at=2), labelled(change("c", 10, ("text c",)), at=5)])
    for doc_id in "bc":
        again = labelled(change(doc_id, 5, ("text old",)), ["*"], at=9)
        (told,) = indexed([of_version(again, "version")], store=index, now=int)
        assert isinstance(told, Sequence)
        assert isinstance(told[0], DocumentIndexed)
        assert told[0].superseded, "whoever sent it learns that it opened nothing"
    assert seen(index, "*") == set()
    apply(index, [labelled(change("a", 11, ("text newer",)), ["*"], at=12)])
    assert seen(index, "*") == {"text newer"}


def test_an_old_version_that_is_sent_again_may_close(index: Index) -> None:
    apply(index, [labelled(change("a", 10, ("text new",)), at=5)])
    again = labelled(change("a", 5, ("text old",)), ["hr"], ["secret"], at=9)
    apply(index, [again, of_version(again, "version")])
    assert seen(index, "*") == set() and seen(index, "hr", classes=("secret",)) == {"text new"}


def test_what_is_to_come_closes_and_opens_nothing_until_it_is_there(index: Index) -> None:
    slow = labelled(change("a", 1, ("text slow",)), ["hr", "it"], ["secret"], at=5)
    apply(index, [of_version(slow, "coming"), labelled(change("a", 2, ("text fast",)), at=7)])
    assert seen(index, "*") == set(), "the live version overtook it"
    assert seen(index, "it", classes=("secret",)) == {"text fast"}
    opens = labelled(change("a", 3, ("text public",)), ["*"], ["unclassified"], at=8)
    apply(index, [of_version(opens, "coming")])
    assert seen(index, "*") == set(), "its text is not there yet"
    apply(index, [slow, of_version(slow, "version")])
    assert seen(index, "*") == set() and seen(index, "it", classes=("secret", "unclassified"))
    apply(index, [opens, of_version(opens, "version")])
    assert seen(index, "*") == {"text public"}


def test_an_index_that_is_made_again_knows_what_is_to_come(index: Index) -> None:
    slow = of_version(labelled(change("a", 1), ["hr"], at=5), "coming")
    (told,) = indexed([slow], store=index, now=int)
    assert isinstance(told, Sequence)
    assert isinstance(told[0], DocumentIndexed)
    assert not told[0].last, "who fed the version still waits for it"
    made = MemoryIndex("v1", SIZE)
    apply(made, [replace(slow, document=each) for each in said_again(told[0])])
    apply(made, [labelled(change("a", 2, ("text fast",)), at=7)])
    assert seen(made, "*") == set() and seen(made, "hr") == {"text fast"}


def test_access_ends_alike_in_whatever_order_the_lanes_bring_it(index: Index) -> None:
    """Each version says something; the newest version's word counts once all are there."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for number in range(12):
        doc_id, last = f"d{number}", rng.randrange(2, 5)
        lists = [rng.choice((["*"], ["hr"], ["it"], [])) for _ in range(last)]
        versions = [
            labelled(change(doc_id, v + 1, (f"text {doc_id} {v}",)), lists[v], at=10 + v)
            for v in range(last)
        ]
        rng.shuffle(versions)
        for event in versions:
            if rng.random() < 0.5:
                apply(index, [of_version(event, "coming")])
            apply(index, [event, of_version(event, "version")])
        for group in ("*", "hr", "it"):
            text = f"text {doc_id} {last - 1}"
            assert (text in seen(index, group)) == (group in lists[-1]), (lists, versions)


def test_no_correction_tells_a_word_that_stands_only_in_what_is_closed(index: Index) -> None:
    said = "The Quiet Harbour Venture (QHV) needs a guarantee."
    apply(index, [labelled(change(doc_id, 1, (said,)), ["hr"]) for doc_id in "ab"])
    everyone = Access(frozenset({"unclassified"}), frozenset({"*"}))
    hr = Access(frozenset({"unclassified"}), frozenset({"*", "hr"}))

    def told(access: Access) -> tuple[str | None, str | None]:
        lexicon = index.lexicon("acme", access)
        return lexicon.corrected("harbuor"), lexicon.spelled_out("QHV")

    known = ("harbour", "QHV (quiet harbour venture)")
    assert told(everyone) == (None, None) and told(hr) == known
    for acl, sees in ((["*"], everyone), (["hr"], hr)):
        apply(index, [access(doc_id, acl, at=10 + len(acl[0])) for doc_id in "ab"])
        assert told(sees) == known
        assert told(everyone) == (known if acl == ["*"] else (None, None))


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
