"""What a real OpenSearch refuses, and what becomes of it; who may not serve says so at start."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from connectors.opensearch.making import make
from connectors.opensearch.port import OpenSearchSettings, opened
from connectors.qdrant_edge.index import EdgeIndex
from infra.local.opensearch import OpenSearchServer
from processors.documents.index import index as index_stage
from processors.guard.sight import UNLABELLED
from processors.ports import IndexVersion, SearchQuery
from schemas.events import DocumentEmbedded
from streams.flow.errors import Reject, Retry, UserError
from streams.flow.port import Opening
from tests.real.conftest import MAKING, made
from tests.support.front import Front, front
from tests.support.index_events import SIZE, apply, change, texts

QUESTION = SearchQuery("acme", ["one"], np.zeros((1, SIZE), np.float32), 5, UNLABELLED.access)


def index(store: OpenSearchIndex, events: Sequence[DocumentEmbedded]) -> list[Any]:
    return index_stage(events, store=store, now=lambda: 1)


@pytest.fixture
def words(client: Client, alias: str) -> OpenSearchIndex:
    return made(client, alias)


def set_(client: Client, alias: str, **settings: Any) -> None:
    client.raw("PUT", f"/{alias}/_settings", {"index": settings}, timeout_s=30)


def test_what_half_a_bulk_is_refused_for_is_a_named_dead_letter_and_the_rest_is_searchable(
    client: Client, alias: str, words: OpenSearchIndex
) -> None:
    index(words, [change("a", 1, ("first",))])
    set_(client, alias, **{"mapping.total_fields.limit": 5})  # no tenant more
    done = index(
        words,
        [change("a", 2, ("second",)), change("b", 1, ("x",), tenant="new"), change("c", 1, ("c",))],
    )
    assert [type(each) for each in done] == [list, Reject, list]
    assert "new/b" in str(done[1]) and "Limit of total fields [5]" in str(done[1])
    assert texts(words) == ["c", "second"]  # type: ignore[arg-type]
    set_(client, alias, **{"mapping.total_fields.limit": 500})
    assert isinstance(index(words, [change("b", 1, ("x",), tenant="new")])[0], list)  # replayed


def test_items_that_are_too_much_now_are_sent_again_until_they_are_taken(
    client: Client, alias: str, words: OpenSearchIndex
) -> None:
    """As with a disk that is nearly full: each item gets a 429."""
    apply(words, [change("a", 1, ("one",))])  # type: ignore[arg-type]
    set_(client, alias, **{"blocks.read_only_allow_delete": True})
    (waits,) = index(words, [change("a", 2, ("two",))])
    assert isinstance(waits, Retry) and "disk usage exceeded" in str(waits)
    release = threading.Timer(0.3, set_, (client, alias), {"blocks.read_only_allow_delete": None})
    release.start()
    (done,) = index(words, [change("a", 2, ("two",))])
    release.join()
    assert isinstance(done, list) and texts(words) == ["two"]  # type: ignore[arg-type]


def test_an_index_that_takes_no_writes_is_waited_for(
    client: Client, alias: str, words: OpenSearchIndex
) -> None:
    set_(client, alias, **{"blocks.write": True})
    (waits,) = index(words, [change("a", 1, ("one",))])
    assert isinstance(waits, Retry)
    set_(client, alias, **{"blocks.write": None})
    assert isinstance(index(words, [change("a", 1, ("one",))])[0], list)


def test_who_was_frozen_between_fence_and_chunks_changes_nothing(
    words: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(words, [change("a", 1, ("1.0", "1.1", "1.2"))])  # type: ignore[arg-type]
    fences = words._write_fences

    def frozen(changes: Any) -> Any:
        found = fences(changes)
        monkeypatch.setattr(words, "_write_fences", fences)
        apply(words, [change("a", 2, ("2.0", "2.1"))])  # type: ignore[arg-type] # a successor's
        apply(words, [change("a", 3, ("3.0",))])  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(words, "_write_fences", frozen)
    with pytest.raises(Retry, match="somebody else"):
        apply(words, [change("a", 2, ("2.0", "2.1"))])  # type: ignore[arg-type]
    assert texts(words) == ["3.0"]  # type: ignore[arg-type]


def test_a_question_of_a_thousand_words_and_numbers_harms_no_other(words: OpenSearchIndex) -> None:
    apply(words, [change("a", 1, ("one word",)), change("b", 1, ("another",))])  # type: ignore[arg-type]
    hostile = " ".join(f"a{n} {n}.{n}" for n in range(600))
    vectors = np.zeros((1, SIZE), np.float32)
    asked = [
        SearchQuery("acme", [text], vectors, 5, UNLABELLED.access)
        for text in (f"another {hostile}", "word")
    ]
    (first,), (second,) = words.matching(asked)
    assert (len(first.chunk_ids), len(second.chunk_ids)) == (1, 1)


def test_an_index_that_was_deleted_is_named_and_never_made_by_a_write(
    client: Client, alias: str, words: OpenSearchIndex
) -> None:
    apply(words, [change("a", 1, ("one",))])  # type: ignore[arg-type]
    client.raw("DELETE", f"/{alias}-000001", timeout_s=30)
    for call in (
        lambda: apply(words, [change("b", 1, ("x",))]),  # type: ignore[arg-type]
        lambda: words.fetch("acme", ["x"]),
        lambda: words.made([("acme", "a")]),
        lambda: words.matching([QUESTION]),
    ):
        with pytest.raises(Retry, match="there is no index"):
            call()
    there = client.raw("GET", "/_cat/indices", timeout_s=30, format="json")
    assert alias not in {each["index"] for each in there}
    make(client, alias, MAKING, dimensions=SIZE, model="m")
    assert texts(words) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "model", "why"),
    [
        (16, "m", "for vectors of 8 dimensions, and the model gives 16"),
        (SIZE, "another", "for vectors of m, and the model is another"),
    ],
)
def test_an_index_for_other_vectors_is_refused_with_the_remedy(
    client: Client, alias: str, words: OpenSearchIndex, size: int, model: str, why: str
) -> None:
    with pytest.raises(UserError, match=f"{why}.*MILLRACE_INDEX__NAME"):
        make(client, alias, MAKING, dimensions=size, model=model)


def test_an_index_of_other_analyzers_or_of_somebody_else_is_refused(
    client: Client, alias: str, words: OpenSearchIndex
) -> None:
    for meta, why in (
        ({"millrace": {"dimensions": SIZE, "model": "m", "analyzer": "old"}}, "the analyzers of"),
        ({}, "was not made by Millrace"),
    ):
        client.raw("PUT", f"/{alias}/_mapping", {"_meta": meta}, timeout_s=30)
        with pytest.raises(UserError, match=why):
            make(client, alias, MAKING, dimensions=SIZE, model="m")


@pytest.fixture
def door(opensearch: OpenSearchServer, tmp_path: Path) -> Iterator[Front]:
    with front(opensearch.url, tmp_path, "millrace", "right") as door:
        yield door


def open_(**settings: Any) -> OpenSearchIndex:
    with ExitStack() as stack:
        given = OpenSearchSettings(replicas=0, **settings)
        store = opened(given, IndexVersion("door", SIZE, "m"), Opening(Path("unused"), stack))
        store.fetch("acme", ["x"])
        return store


def test_a_user_and_an_authority_open_the_door(door: Front, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("right\n")
    open_(url=door.url, ca_file=door.authority, user="millrace", password="right")
    open_(url=door.url, ca_file=door.authority, user="millrace", password_file=file)


@pytest.mark.parametrize("given", [{"user": "millrace", "password": "wrong"}, {}])
def test_who_is_not_let_in_says_so_at_start(door: Front, given: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"lets nobody in .*MILLRACE_OPENSEARCH__USER") as told:
        open_(url=door.url, ca_file=door.authority, **given)
    assert "wrong" not in str(told.value)


def test_a_certificate_that_is_not_trusted_is_named(door: Front) -> None:
    with pytest.raises(UserError, match=r"certificate that is not trusted.*CA_FILE"):
        open_(url=door.url, user="millrace", password="right")


def test_a_password_that_is_exchanged_is_taken_up_without_a_restart(
    door: Front, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("right")
    client = Client(door.url, user="millrace", password_file=file, ca_file=door.authority)
    client.check()
    door.password = "new"
    with pytest.raises(Retry, match="refuses these credentials"):
        client.call("GET", "/", timeout_s=5)
    file.write_text("new")
    assert client.call("GET", "/", timeout_s=5)["version"]
    client.close()


def test_scores_are_on_the_scale_of_the_embedded_index(
    words: OpenSearchIndex, tmp_path: Path
) -> None:
    """Trees that re-order have learned from those; passages are as long as it takes them to be."""
    rng = random.Random(7)
    known = ["".join(rng.choices("bdfgklmnprtv", k=7)) for _ in range(60)]
    said = [" ".join(rng.choices(known, k=40)) for _ in range(30)]
    changes = [change(f"d{n}", 1, (text,)) for n, text in enumerate(said)]
    vector = np.zeros((1, SIZE), np.float32)
    asked = [SearchQuery("acme", [" ".join(known[:3])], vector, 30, UNLABELLED.access)]
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
        found: list[dict[str, float]] = []
        for store in (edge, words):
            apply(store, changes)  # type: ignore[arg-type]
            ((ranking,),) = store.matching(asked)
            found.append(dict(zip(ranking.chunk_ids, ranking.scores, strict=True)))
    ours, theirs = found
    assert ours.keys() == theirs.keys() and len(ours) > 10
    assert theirs == pytest.approx(ours, rel=0.1)
