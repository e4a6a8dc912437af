"""Trees, and what they may and may not do to an order."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from processors.questions.reordering import GROUND, SIGNALS, reordering, rows_of
from processors.questions.rerank import ranked, rerank
from processors.questions.retrieval_policy import retrieval_config
from processors.questions.retrieve import RetrievalConfig
from processors.questions.route import RouteConfig
from processors.text.wording import WORDING, wording
from schemas.events import ChunksRetrieved
from tests.processors.questions.test_retrieve import candidate
from tests.support.question_events import carried

DENSE, BM25 = SIGNALS.index("dense"), SIGNALS.index("bm25")
EVERYWHERE = {"low": dict.fromkeys(GROUND, -1e9), "high": dict.fromkeys(GROUND, 1e9)}
# dense <= .5: 1; else bm25 <= 3: 2; else 3
TREE = {"splits": [[DENSE, 0.5, 0xFFFFFFFE], [BM25, 3.0, 0xFFFFFFFD]], "leaves": [1.0, 2.0, 3.0]}
STUMP = {"splits": [[DENSE, 0.5, 0xFFFFFFFE]], "leaves": [10.0, 20.0]}
POLICY: dict[str, Any] = {
    "version": "hybrid-9",
    "candidates": 20,
    "limit": 100,
    "fusion": "max",
    "bm25_weight": 0.4,
    "sentence_weight": 0.5,
    "variants": [],
    "reordering": None,
}


def expert(*trees: Any, **other: Any) -> dict[str, Any]:
    return {"name": "e", **EVERYWHERE, "trees": trees or (TREE, STUMP)} | other


def file(*experts: Any, **other: Any) -> bytes:
    form = {"signals": [*SIGNALS], "ground": [*GROUND], "experts": experts or (expert(),)}
    return json.dumps(form | other).encode()


def row(dense: float, bm25: float) -> list[float]:
    return [{"dense": dense, "bm25": bm25}.get(name, 0.0) for name in SIGNALS]


def scores(data: bytes, *rows: list[float]) -> list[float]:
    return reordering("t", data).experts[0].scores(np.array(rows)).tolist()


def retrieved(*found: Any, query: str = "q") -> ChunksRetrieved:
    return ChunksRetrieved(carried=carried(query), candidates=[*found])


def order(event: ChunksRetrieved, config: RetrievalConfig) -> list[str]:
    return [each.chunk_id for each in ranked(event, config)]


def test_a_row_falls_to_its_leaf_of_every_tree() -> None:
    assert scores(file(), row(0.5, 9.0), row(0.6, 3.0), row(0.6, 3.1)) == [11.0, 22.0, 23.0]


def test_a_tree_without_splits_is_a_constant() -> None:
    assert scores(file(expert({"splits": [], "leaves": [7.0]})), row(0.1, 1.0)) == [7.0]


def test_signals_are_found_by_name() -> None:
    turned = [*reversed(SIGNALS)]
    stump = {"splits": [[turned.index("dense"), 0.5, 0xFFFFFFFE]], "leaves": [1.0, 2.0]}
    found = scores(file(expert(stump), signals=turned), row(0.4, 0.0), row(0.6, 0.0))
    assert found == [1.0, 2.0]


def test_trees_can_turn_an_order_and_a_blend_of_nothing_does_not() -> None:
    event = retrieved(candidate("a", 0.5, 4.0, 0.5), candidate("b", 0.45, 4.0, 0.45))
    against = {"splits": [[DENSE, 0.48, 0xFFFFFFFE]], "leaves": [0.2, 0.0]}
    learned = reordering("t", file(expert(against)))
    config = RetrievalConfig(reordering=learned, blend=1.0)
    assert order(event, config) == ["b", "a"]
    assert order(event, replace(config, blend=0.0)) == ["a", "b"]
    (result,) = rerank(event, config=config, routing=RouteConfig())
    assert "rerank: ordered by t" in result.carried.decisions


def test_a_question_off_the_ground_of_every_expert_is_left_alone() -> None:
    found = [candidate("a", 0.5, 4.0, 0.5), candidate("b", 0.45, 4.0, 0.45)]
    near = expert(STUMP, low=EVERYWHERE["low"] | {"dense": 0.6})
    far = expert(STUMP, high=EVERYWHERE["high"] | {"text": 1.0}, low=EVERYWHERE["low"])
    assert reordering("t", file(near)).added("q", found, [1.0, 0.9]).tolist() == [0.0, 0.0]
    assert reordering("t", file(near, far)).added("q", found, [1.0, 0.9]).tolist() == [10.0, 10.0]
    assert reordering("t", file()).added("q", [], []).tolist() == []


def test_without_bm25_nothing_is_re_ordered() -> None:
    event = retrieved(candidate("a", 0.5, 0.0, 0.5), candidate("b", 0.45, 0.0, 0.45))
    against = {"splits": [[DENSE, 0.48, 0xFFFFFFFE]], "leaves": [9.0, 0.0]}
    learned = reordering("t", file(expert(against)))
    assert order(event, RetrievalConfig(reordering=learned, blend=1.0)) == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "no file of trees"),
        (b"{}", "no file of trees"),
        (file(signals=["sparkle"]), "unknown signals: sparkle"),
        (file(ground=["size"]), "other signals"),
        (file(expert({"splits": [[99, 0.0, 1]], "leaves": [0.0, 1.0]})), "no file of trees"),
        (file(expert({"splits": [[0, 0.0, 1]] * 40, "leaves": [0.0] * 41})), "more than 32 leaves"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reordering("t", data)


def test_a_row_holds_scores_and_their_shares() -> None:
    pair = [candidate("a", 0.8, 4.0, 0.9), candidate("b", 0.4, 2.0, 0.3)]
    rows = rows_of("q", pair, [1.0, 0.5])
    at = {name: place for place, name in enumerate(SIGNALS)}
    assert rows[:, at["mixed"]].tolist() == [1.0, 0.5]
    assert rows[:, at["bm25"]].tolist() == [4.0, 2.0]
    assert rows[:, at["bm25_share"]].tolist() == [1.0, 0.5]
    assert rows[:, at["dense_share"]].tolist() == [1.0, 0.5]
    assert rows[0, at["length"]] == pytest.approx(np.log(2))


def test_wording_counts_words_and_pairs() -> None:
    texts = ["Client money must be held apart.", "Clients hold money.", "Nothing here."]
    found = dict(zip(WORDING, wording("Must client money be held?", texts).T.tolist(), strict=True))
    assert found["words"] == [1.0, pytest.approx(2 / 3), 0.0]
    assert found["pairs"] == [1.0, 0.0, 0.0]
    assert found["rare_words"][0] > found["rare_words"][1] > found["rare_words"][2] == 0
    assert wording("", texts).tolist() == [[0.0] * 4] * 3


def test_common_words_part_no_pair_and_other_words_do() -> None:
    texts = ["The keeping of all its records.", "Keeping some\nrecords", "keeping client records"]
    pairs = wording("Who is keeping records?", texts)[:, WORDING.index("pairs")]
    assert pairs.tolist() == [1.0, 1.0, 0.0]


def test_a_relevant_neighbour_lifts_its_kin_and_nothing_lifts_itself() -> None:
    titles = ["9 6.3.2", "9 6.3.2.(b)", "4 1.1", ""]
    found = [
        replace(candidate(f"{n}", 0.5, 1.0, 0.5), doc_id=f"d{n}", title=title)
        for n, title in enumerate(titles)
    ]
    found.append(replace(candidate("4", 0.5, 1.0, 0.5), doc_id="d3", title="another"))
    rows = rows_of("q", found, [0.9, 0.5, 0.8, 0.7, 0.6])
    assert rows[:, SIGNALS.index("kin")].tolist() == [0.5, 0.9, 0.0, 0.6, 0.7]


def test_a_policy_becomes_the_configuration() -> None:
    config = retrieval_config(POLICY, lambda _: b"")
    assert (config.bm25_weight, config.candidates, config.reordering) == (0.4, 20, None)


def test_a_policy_names_its_trees_by_hash() -> None:
    named = {"file": "retrieval/x-1.json", "sha256": hashlib.sha256(file()).hexdigest(), "blend": 1}
    config = retrieval_config(POLICY | {"reordering": named}, lambda _: file())
    assert config.reordering is not None
    assert (config.reordering.name, config.blend) == ("x-1", 1.0)
    with pytest.raises(ValueError, match=r"retrieval/x-1.json has the hash .* changed without"):
        retrieval_config(POLICY | {"reordering": named}, lambda _: file() + b" ")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bm25_weight": 2}, "'bm25_weight' is 2; it must be a number, 0 to 1"),
        ({"bm25_weight": True}, "'bm25_weight' is True"),
        ({"fusion": "sum"}, "'fusion' is 'sum'; it must be one of max, minmax, rrf"),
        ({"candidates": 0}, "'candidates' is 0; it must be a whole number, 1 to 200"),
        ({"sparkle": 1}, "'sparkle' is not known; known are bm25_weight,"),
        ({"variants": ["rhymes"]}, r"'variants\[0\]' is 'rhymes'; it must be one of acronyms"),
        ({"variants": "parts"}, "'variants' is 'parts'; it must be a list"),
        ({"reordering": "yes"}, "'reordering' is 'yes'; it must be a mapping"),
        ({"reordering": {"file": "a"}}, r"'reordering\.sha256' is missing"),
    ],
)
def test_a_wrong_policy_names_the_key(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        retrieval_config(POLICY | wrong, lambda _: b"")


def test_a_policy_without_a_key_names_it() -> None:
    short = {name: value for name, value in POLICY.items() if name != "limit"}
    with pytest.raises(ValueError, match="'limit' is missing"):
        retrieval_config(short, lambda _: b"")
