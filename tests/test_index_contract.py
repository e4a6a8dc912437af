"""What every `Index` promises; `EdgeIndex` and `MemoryIndex` are held to the same words."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pytest

from connectors.memory_index import MemoryIndex
from connectors.qdrant_edge import EdgeIndex
from processors.ports import Applied, Index, SearchQuery, StoredChunk
from schemas.errors import UserError
from schemas.events import Chunk, DocumentEmbedded, EmbeddedChunk

SIZE = 8
DONE = Applied(superseded=False, removed=0)
SUPERSEDED = Applied(superseded=True, removed=0)


def vector(text: str) -> np.ndarray:
    values = np.random.default_rng(list(text.encode())).normal(size=SIZE)
    return (values / np.linalg.norm(values)).astype(np.float16)


def chunk_id(doc_id: str, ordinal: int, tenant: str = "acme") -> str:
    return str(uuid5(NAMESPACE_URL, repr((tenant, doc_id, ordinal))))


def change(
    doc_id: str,
    version: int,
    texts: tuple[str, ...] = (),
    *,
    sequence: int = 0,
    op: str = "upsert",
    tenant: str = "acme",
    first: int = 0,
    last: bool = True,
    title: str = "",
    heading: str = "",
    metadata: dict[str, str] | None = None,
    chunking: str = "c1",
) -> DocumentEmbedded:
    """`texts` become the chunks from ordinal `first` on, each with two sentence vectors."""
    chunks = [
        EmbeddedChunk(
            chunk=Chunk(
                chunk_id=chunk_id(doc_id, ordinal, tenant),
                ordinal=ordinal,
                text=text,
                heading=heading,
                sentences=[0, 1, 1, len(text)],
                text_hash="",
                tokens=len(text),
            ),
            vector=vector(text).tobytes(),
            sentence_vectors=np.stack([vector(text + "/1"), vector(text + "/2")]).tobytes(),
        )
        for ordinal, text in enumerate(texts, first)
    ]
    return DocumentEmbedded(
        op=op,  # type: ignore[arg-type]
        tenant=tenant,
        doc_id=doc_id,
        version=version,
        sequence=sequence,
        title=title,
        uri=f"file:{doc_id}",
        metadata=metadata or {},
        chunking=chunking,
        changed_at=1_700_000_000_000 + version,
        fed_at=0,
        embedding_model="m",
        chunks=chunks,
        last=last,
    )


def delete(doc_id: str, version: int, *, sequence: int = 0, tenant: str = "acme"):
    return change(doc_id, version, sequence=sequence, op="delete", tenant=tenant)


def texts(index: Index, tenant: str | None = "acme") -> list[str]:
    return sorted(chunk.text for chunk in index.scan(tenant))


def ask(index: Index, *asked: str, tenant: str = "acme", limit: int = 10, **filters: str):
    vectors = np.stack([vector(text) for text in asked]).astype(np.float32)
    return index.search([SearchQuery(tenant, asked, vectors, limit, filters)])[0]


def lexical(index: Index, asked: str, **options: str) -> list[str]:
    """The texts BM25 finds, best first."""
    ids = ask(index, asked, **options).lexical[0].chunk_ids
    found = index.fetch(options.get("tenant", "acme"), ids)
    return [found[i].text for i in ids]


@pytest.fixture(params=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex("v1", SIZE)
        return
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
        yield edge


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_an_empty_index_finds_nothing(index: Index) -> None:
    result = ask(index, "anything", "at all")
    assert [r.chunk_ids for r in result.dense + result.lexical] == [[], [], [], []]
    assert index.fetch("acme", [chunk_id("a", 0)]) == {}
    assert [*index.scan()] == []
    assert index.apply([]) == []
    assert index.search([]) == []
    assert index.version == "v1"


def test_a_new_document_is_found_by_both_indexes_and_comes_back_whole(index: Index) -> None:
    event = change("a", 3, ("the cat sat", "a dog ran"), title="Pets", heading="1 > 2")
    assert index.apply([event]) == [DONE]
    result = ask(index, "the cat sat")
    assert result.dense[0].chunk_ids[0] == result.lexical[0].chunk_ids[0] == chunk_id("a", 0)
    assert result.dense[0].scores[0] == pytest.approx(1, abs=0.002)
    assert result.dense[0].scores == sorted(result.dense[0].scores, reverse=True)
    stored = index.fetch("acme", [chunk_id("a", 1)])[chunk_id("a", 1)]
    expected = StoredChunk(
        tenant="acme",
        chunk_id=chunk_id("a", 1),
        doc_id="a",
        doc_version=3,
        ordinal=1,
        title="Pets",
        heading="1 > 2",
        uri="file:a",
        text="a dog ran",
        chunking="c1",
        changed_at=1_700_000_000_003,
        sentences=[0, 1, 1, 9],
        vector=stored.vector,
        sentence_vectors=stored.sentence_vectors,
    )
    assert stored == expected
    assert (stored.vector == vector("a dog ran")).all()
    assert (stored.sentence_vectors[1] == vector("a dog ran/2")).all()
    assert stored.sentence_vectors.dtype == np.float16


def test_title_and_heading_are_found_by_their_words(index: Index) -> None:
    index.apply([change("a", 1, ("first",), title="Liquidity", heading="Chapter > Buffers")])
    index.apply([change("b", 1, ("second",))])
    assert lexical(index, "liquidity") == ["first"]
    assert lexical(index, "buffer") == ["first"]


def test_an_update_replaces_and_a_shorter_version_removes_the_rest(index: Index) -> None:
    index.apply([change("a", 1, ("one", "two", "three"))])
    index.apply([change("b", 1, ("other",))])
    assert index.apply([change("a", 2, ("uno",))]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["other", "uno"]
    assert lexical(index, "two") == []
    found = index.fetch("acme", [chunk_id("a", 0), chunk_id("a", 2)])
    assert [chunk.doc_version for chunk in found.values()] == [2]


def test_a_version_without_chunks_removes_all(index: Index) -> None:
    index.apply([change("a", 1, ("one", "two"))])
    assert index.apply([change("a", 2)]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == []


def test_a_deleted_document_is_gone_from_both_indexes(index: Index) -> None:
    index.apply([change("a", 1, ("one", "two")), change("b", 1, ("one more",))])
    assert index.apply([delete("a", 2)]) == [Applied(superseded=False, removed=2)]
    assert lexical(index, "one") == ["one more"]
    assert ask(index, "one").dense[0].chunk_ids == [chunk_id("b", 0)]
    assert index.apply([delete("a", 2)]) == [DONE]
    assert index.apply([delete("never-there", 1)]) == [DONE]


def test_a_deletion_is_remembered_against_an_older_upsert(index: Index) -> None:
    index.apply([change("a", 1, ("one",)), delete("a", 2)])
    assert index.apply([change("a", 1, ("one",))]) == [SUPERSEDED]
    index.apply([delete("b", 5)])
    assert index.apply([change("b", 4, ("late",))]) == [SUPERSEDED]
    assert texts(index) == []


def test_a_deleted_document_can_come_back_newer(index: Index) -> None:
    index.apply([change("a", 1, ("one",)), delete("a", 2)])
    assert index.apply([change("a", 3, ("again",))]) == [DONE]
    assert texts(index) == ["again"]


def test_an_older_version_never_replaces_a_newer_one(index: Index) -> None:
    index.apply([change("a", 5, ("new",))])
    assert index.apply([change("a", 4, ("old", "older"))]) == [SUPERSEDED]
    assert index.apply([delete("a", 4)]) == [SUPERSEDED]
    assert texts(index) == ["new"]


def test_the_sequence_orders_changes_of_one_version(index: Index) -> None:
    index.apply([change("a", 1, ("first",), sequence=10)])
    index.apply([change("a", 1, ("second",), sequence=11)])
    assert index.apply([change("a", 1, ("first",), sequence=10)]) == [SUPERSEDED]
    assert index.apply([change("a", 2, ("third",), sequence=1)]) == [DONE]
    assert texts(index) == ["third"]


def test_versions_and_sequences_of_63_bits_keep_their_order(index: Index) -> None:
    big = 2**63 - 2
    index.apply([change("a", big, ("old",), sequence=big)])
    assert index.apply([change("a", big, ("new",), sequence=big + 1)]) == [DONE]
    assert index.apply([change("a", big, ("old",), sequence=big)]) == [SUPERSEDED]
    assert texts(index) == ["new"]


def test_a_redelivered_change_is_applied_again_without_harm(index: Index) -> None:
    event = change("a", 1, ("one", "two"))
    assert index.apply([event]) == index.apply([event]) == index.apply([event, event])[:1]
    assert texts(index) == ["one", "two"]


def test_several_changes_of_one_document_in_a_batch_act_in_order(index: Index) -> None:
    applied = index.apply(
        [
            change("a", 1, ("one", "two", "three")),
            change("b", 1, ("other",)),
            change("a", 2, ("uno", "dos")),
            change("a", 1, ("one",)),
            delete("a", 3),
            change("a", 4, ("eins",)),
        ]
    )
    assert applied == [
        DONE,
        DONE,
        Applied(superseded=False, removed=1),
        SUPERSEDED,
        Applied(superseded=False, removed=2),
        DONE,
    ]
    assert texts(index) == ["eins", "other"]


def test_a_version_in_several_records_loses_the_old_chunks_with_the_last(index: Index) -> None:
    index.apply([change("a", 1, ("1.0", "1.1", "1.2", "1.3", "1.4"))])
    first = change("a", 2, ("2.0", "2.1"), last=False)
    second = change("a", 2, ("2.2",), first=2)
    assert index.apply([first]) == [DONE]
    assert texts(index) == ["1.2", "1.3", "1.4", "2.0", "2.1"]
    assert index.apply([second]) == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["2.0", "2.1", "2.2"]
    assert index.apply([first, second]) == [DONE, DONE]
    assert texts(index) == ["2.0", "2.1", "2.2"]


def test_an_older_version_redelivered_halfway_takes_nothing_away(index: Index) -> None:
    old = change("a", 1, ("1.0", "1.1", "1.2"))
    index.apply([old])
    index.apply([change("a", 2, ("2.0",), last=False)])
    assert index.apply([old, delete("a", 1)]) == [SUPERSEDED, SUPERSEDED]
    assert texts(index) == ["1.1", "1.2", "2.0"]
    removed = index.apply([change("a", 2, ("2.1",), first=1)])
    assert removed == [Applied(superseded=False, removed=1)]


def test_a_replay_cut_otherwise_leaves_no_chunk_of_the_old_cut(index: Index) -> None:
    index.apply([change("a", 1, ("one", "two", "three"), chunking="small")])
    applied = index.apply([change("a", 1, ("one two three",), chunking="large")])
    assert applied == [Applied(superseded=False, removed=2)]
    assert texts(index) == ["one two three"]


def test_no_tenant_sees_another(index: Index) -> None:
    index.apply([change("a", 1, ("shared words",)), change("a", 9, ("shared words",), tenant="b")])
    for tenant in ("acme", "b"):
        result = ask(index, "shared words", tenant=tenant)
        own = [chunk_id("a", 0, tenant)]
        assert result.dense[0].chunk_ids == result.lexical[0].chunk_ids == own
    both = [chunk_id("a", 0), chunk_id("a", 0, "b")]
    assert [*index.fetch("b", both)] == both[1:]
    assert {c.tenant for c in index.scan("b")} == {"b"}
    assert len([*index.scan()]) == 2
    index.apply([delete("a", 10, tenant="b")])
    assert texts(index) == ["shared words"]


def test_tenants_and_documents_that_join_to_one_string_stay_apart(index: Index) -> None:
    index.apply([change("b/c", 1, ("x",), tenant="a"), change("c", 5, ("y",), tenant="a/b")])
    assert index.apply([change("b/c", 2, ("z",), tenant="a")]) == [DONE]
    assert (texts(index, "a"), texts(index, "a/b")) == (["z"], ["y"])


def test_rarity_is_counted_within_the_tenant(index: Index) -> None:
    index.apply([change(f"a{i}", 1, (f"common thing {i}",)) for i in range(5)])
    before = ask(index, "common").lexical[0].scores
    index.apply([change(f"b{i}", 1, ("other text",), tenant="b") for i in range(50)])
    assert ask(index, "common").lexical[0].scores == pytest.approx(before)


def test_filters_hold_in_both_indexes(index: Index) -> None:
    index.apply(
        [
            change("a", 1, ("rate card",), metadata={"lang": "en", "team.name": 'x "y" [z]'}),
            change("b", 1, ("rate card",), metadata={"lang": "de"}),
            change("c", 1, ("rate card",)),
        ]
    )
    for filters, expected in (
        ({"lang": "en"}, ["a"]),
        ({"team.name": 'x "y" [z]'}, ["a"]),
        ({"lang": "de", "team.name": "x"}, []),
        ({"lan": "gen"}, []),
        ({}, ["a", "b", "c"]),
    ):
        result = ask(index, "rate card", **filters)
        wanted = {chunk_id(doc_id, 0) for doc_id in expected}
        assert set(result.dense[0].chunk_ids) == set(result.lexical[0].chunk_ids) == wanted
    index.apply([change("a", 2, ("rate card",), metadata={"lang": "fr"})])
    assert ask(index, "rate card", lang="en").dense[0].chunk_ids == []


def test_variants_and_questions_are_answered_in_their_order(index: Index) -> None:
    words = ("alpha", "beta", "gamma", "delta")
    index.apply([change(word, 1, (word,)) for word in words])
    index.apply([change("alpha", 1, ("alpha",), tenant="b")])
    queries = [
        SearchQuery("acme", pair, np.stack([vector(w) for w in pair]).astype(np.float32), 1)
        for pair in (("beta", "alpha"), ("delta", "gamma"))
    ]
    first, second = index.search(queries)
    for result, pair in ((first, ("beta", "alpha")), (second, ("delta", "gamma"))):
        expected = [[chunk_id(word, 0)] for word in pair]
        assert [r.chunk_ids for r in result.dense] == expected
        assert [r.chunk_ids for r in result.lexical] == expected


@pytest.mark.parametrize("identifier", ["POL-CARD-014", "8.2.1", "AC-2(3)", "108R00645", "a_7/B"])
def test_an_identifier_is_found_before_its_neighbours(index: Index, identifier: str) -> None:
    near = ["POL-CARD-041", "014 POL 14 CARD", "8.2", "2.8.1", "1.8.2 8 2 1", "AC-3(2)", "AC-2"]
    near += ["ac 2 3 2 3", "108R00646", "a 7 b 7 a", "B/7_a"]
    index.apply([change("right", 1, (f"See {identifier}.",))])
    index.apply([change(text, 1, (text,)) for text in near])
    assert lexical(index, f"What does {identifier.lower()} say?")[0] == f"See {identifier}."


def test_words_are_stemmed_and_stop_words_find_nothing(index: Index) -> None:
    index.apply([change("a", 1, ("The banks were lending.",))])
    assert lexical(index, "lend to a bank") == ["The banks were lending."]
    for empty in ("the of and", "", "?!"):
        assert lexical(index, empty) == []


@pytest.mark.parametrize("word", ["Überweisung", "日本語", "плата", "🏦", "naïve\x00null", "ﬁn"])
def test_any_text_comes_back_as_it_went_in(index: Index, word: str) -> None:
    text = f"{word} \u2028 end"
    index.apply([change(word, 1, (text,), tenant=f"t {word}", title=word, metadata={word: word})])
    found = ask(index, word, tenant=f"t {word}", **{word: word}).dense[0].chunk_ids
    stored = index.fetch(f"t {word}", found)[found[0]]
    assert (stored.text, stored.title, stored.doc_id) == (text, word, word)


def test_search_goes_on_while_changes_are_applied(index: Index) -> None:
    index.apply([change("still", 1, ("still here",))])
    stop, errors = threading.Event(), []

    def search() -> None:
        while not stop.is_set():
            try:
                hits = ask(index, "still here", limit=500).dense[0].chunk_ids
                assert chunk_id("still", 0) in hits
                assert chunk_id("still", 0) in index.fetch("acme", hits)
            except BaseException as error:
                errors.append(error)
                return

    def write(name: str) -> None:
        for version in range(1, 15):
            index.apply([change(f"{name}{n}", version, (f"{version}", "x")) for n in range(5)])
        index.apply([delete(f"{name}{n}", 99) for n in range(5)])

    readers = [threading.Thread(target=search) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert errors == []
    assert texts(index) == ["still here"]


def history(rng: random.Random, length: int) -> list[DocumentEmbedded]:
    """Changes of a few documents in feed order, some versions in two records."""
    events: list[DocumentEmbedded] = []
    for sequence in range(length):
        doc_id, tenant, version = rng.choice("abcd"), rng.choice("xy"), sequence // 3
        words = tuple(f"{sequence} {rng.choice('pqrs')}{n}" for n in range(rng.randint(0, 5)))
        if rng.random() < 0.2:
            events.append(delete(doc_id, version, sequence=sequence, tenant=tenant))
            continue
        cut = rng.randint(0, len(words)) if rng.random() < 0.4 else 0
        both = {"sequence": sequence, "tenant": tenant}
        if cut:
            events.append(change(doc_id, version, words[:cut], last=False, **both))
        events.append(change(doc_id, version, words[cut:], first=cut, **both))
    return events


def state(index: Index) -> dict[str, tuple[str, int, str]]:
    return {c.chunk_id: (c.doc_id, c.doc_version, c.text) for c in index.scan()}


def test_both_indexes_agree_on_random_histories_with_replays(path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    events, memory = history(rng, 120), MemoryIndex("v1", SIZE)
    with EdgeIndex(path, "v1", SIZE) as edge:
        start = 0
        while start < len(events):
            batch = events[start : start + rng.randint(1, 12)]
            assert edge.apply(batch) == memory.apply(batch)
            assert state(edge) == state(memory)
            # Sometimes the offsets were not committed: a part comes again.
            start += len(batch) - (rng.randint(0, len(batch) - 1) if rng.random() < 0.3 else 0)
        for word in ("p1", "q2 r0", "s4"):
            ours, theirs = ask(edge, word, tenant="x"), ask(memory, word, tenant="x")
            for one, other in zip(
                ours.dense + ours.lexical, theirs.dense + theirs.lexical, strict=True
            ):
                assert one.scores == pytest.approx(other.scores, abs=2e-3)
        edge.apply(events)
        memory.apply(events)
        assert state(edge) == state(memory)


class CutShort:
    """A shard whose writes fail after the first few, as a crash would have it."""

    def __init__(self, shard, writes: int) -> None:
        self.shard, self.writes = shard, writes

    def __getattr__(self, name: str):
        return getattr(self.shard, name)

    def update(self, operation) -> None:
        if self.writes == 0:
            raise OSError("cut short")
        self.writes -= 1
        self.shard.update(operation)


def test_a_batch_cut_short_anywhere_is_completed_by_applying_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.qdrant_edge._SLICE", 2)
    before = [change("a", 1, tuple("abcde")), change("b", 1, tuple("fg"))]
    batch = [
        change("a", 2, tuple("AB")),
        delete("b", 2),
        change("c", 1, tuple("hijk"), last=False),
        change("c", 1, ("l",), first=4),
        change("a", 3, tuple("X")),
    ]
    for writes in range(20):
        path = tmp_path / str(writes)
        with EdgeIndex(path, "v1", SIZE) as index:
            index.apply(before)
            index._opened = CutShort(index._shard, writes)
            try:
                index.apply(batch)
            except OSError:
                failed = True
            else:
                failed = False
        with EdgeIndex(path, "v1", SIZE) as index:
            index.apply(batch)
            assert texts(index) == ["X", "h", "i", "j", "k", "l"]
        if not failed:
            assert writes > 5
            return
    raise AssertionError("the batch never went through")


def test_what_was_applied_is_there_after_closing_and_opening(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        index.apply([change("a", 2, ("one", "two")), delete("b", 7)])
    index.close()
    with EdgeIndex(path, "v1", SIZE) as index:
        assert texts(index) == ["one", "two"]
        assert lexical(index, "two") == ["two"]
        assert index.apply([change("a", 1, ("old",)), change("b", 6, ("old",))]) == [SUPERSEDED] * 2
        index.open()
    with pytest.raises(RuntimeError, match="not open"):
        index.fetch("acme", [])


def test_a_killed_writer_loses_no_document_it_acknowledged(path: Path) -> None:
    acknowledged, generation = 0, 0
    for generation in range(1, 4):
        command = [sys.executable, __file__, str(path), str(generation)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                acknowledged = int(line)
                if acknowledged >= 20 * generation:
                    break
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
            acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
            assert writer.wait() == -signal.SIGKILL
        with EdgeIndex(path, "v1", SIZE) as index:
            stored = {chunk.doc_id: chunk.doc_version for chunk in index.scan("acme")}
            for number in range(acknowledged + 1):
                if number % 7 == 3:
                    assert f"d{number}" not in stored
                else:
                    assert stored[f"d{number}"] == generation
                    assert lexical(index, f"word{number}") == [f"word{number}"]


def test_a_directory_in_use_says_so(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE), pytest.raises(UserError, match=r"index.*another process"):
        EdgeIndex(path, "v1", SIZE).open()


@pytest.mark.parametrize("damage", ["config", "segments", "dimensions"])
def test_a_directory_that_cannot_be_read_is_named_with_the_remedy(path: Path, damage: str) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        index.apply([change("a", 1, ("one",))])
    if damage == "config":
        (path / "edge_config.json").write_text("{")
    if damage == "segments":
        for file in (path / "segments").rglob("*"):
            if file.is_file():
                file.write_bytes(b"garbage")
    with pytest.raises(UserError, match=r"index.*cannot be read.*replay"):
        EdgeIndex(path, "v1", SIZE + (damage == "dimensions")).open()


def test_a_directory_half_made_when_the_process_died_is_made_again(path: Path) -> None:
    path.mkdir()
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.mkdir(parents=True)
    (unfinished / "edge_config.json").write_text("{")
    with EdgeIndex(path, "v1", SIZE) as index:
        index.apply([change("a", 1, ("one",))])
        assert texts(index) == ["one"]


def _write_until_killed(path: Path, generation: int) -> None:
    """Every document of this generation, each acknowledged on standard output."""
    with EdgeIndex(path, "v1", SIZE) as index:
        for number in range(100_000):
            batch = [change(f"d{number}", generation, (f"word{number}",))]
            if number % 7 == 3:
                batch.append(delete(f"d{number}", generation, sequence=1))
            index.apply(batch)
            print(number, flush=True)


if __name__ == "__main__":
    _write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
