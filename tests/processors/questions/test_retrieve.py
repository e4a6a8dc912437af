"""Rewrite, retrieve, fuse, rerank: what a question finds and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from connectors.memory.index import MemoryIndex
from connectors.memory.sessions import MemorySessions
from processors.documents.applying import apply
from processors.ports import Passage, Ranking, SearchQuery
from processors.questions.fusion import fuse
from processors.questions.rerank import ranked, rerank
from processors.questions.retrieve import RetrievalConfig
from processors.questions.rewrite import rewrite
from processors.questions.route import RouteConfig
from schemas.events import Candidate, ChunksRetrieved, QuestionAdmitted, QuestionRewritten
from streams.flow.errors import Retry
from tests.support.index_events import SIZE, change, chunk_id, searching, vector
from tests.support.question_events import carried, question

CONFIG = RetrievalConfig()
ROUTING = RouteConfig()


class Embedder:
    """The vectors the test's documents were made with, and a count of calls."""

    model = "m"
    dimensions = SIZE

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def embed_passages(self, passages: Sequence[Passage]):
        raise AssertionError("no passage is embedded for a question")

    def embed_queries(self, queries: Sequence[str]) -> np.ndarray:
        self.calls.append([*queries])
        return np.array([vector(text) for text in queries], np.float32).reshape(-1, SIZE)


class Counting(MemoryIndex):
    """Counts calls; can take a half of the answers away, or a chunk after the search."""

    searches = fetches = 0
    dense = lexical = True
    gone: str | None = None

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        self.searches += 1
        return super().nearest(queries) if self.dense else self.away()

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        return super().matching(queries) if self.lexical else self.away()

    def away(self) -> list[list[Ranking]]:
        raise Retry("down")

    def fetch(self, tenant: str, chunk_ids: Sequence[str]):
        self.fetches += 1
        return {k: v for k, v in super().fetch(tenant, chunk_ids).items() if k != self.gone}


def asked(*variants: str, tenant: str = "acme", top_k: int = 10, **filters: str):
    return QuestionRewritten(
        carried=carried(
            question(variants[0], tenant=tenant, top_k=top_k, **filters),
            variants=[*variants],
            degraded=["admit: earlier"],
            timings_ms={"admit": 1.0},
        )
    )


def stocked(*texts: str, tenant: str = "acme") -> Counting:
    index = Counting("v7", SIZE)
    apply(index, [change(text, 1, (text,), tenant=tenant) for text in texts])
    return index


def run(index: Counting, *questions: QuestionRewritten, config: RetrievalConfig = CONFIG):
    outcomes = searching(questions, Embedder(), index, config)
    events: list[ChunksRetrieved] = []
    for outcome in outcomes:
        assert not isinstance(outcome, Exception)
        events += outcome
    return events


def ranking(**scores: float) -> Ranking:
    return Ranking([*scores], [*scores.values()])


def order(dense: list[Ranking], lexical: list[Ranking], method: str = "max", weight: float = 0.5):
    fused = fuse(dense, lexical, method=method, bm25_weight=weight)  # type: ignore[arg-type]
    return [hit.chunk_id for hit in fused]


def candidate(name: str, dense: float, bm25: float, sentence: float, fused: float = 0.0):
    return Candidate(
        chunk_id=name,
        doc_id=name,
        doc_version=1,
        ordinal=0,
        title="",
        heading="",
        uri="",
        text=name,
        chunking="c",
        changed_at=0,
        score=fused,
        scores={"dense": dense, "bm25": bm25, "sentence": sentence, "fused": fused},
        sentences=[0, 1],
        sentence_scores=[sentence],
    )


def reranked(
    *candidates: Candidate,
    top_k: int = 10,
    config: RetrievalConfig = CONFIG,
    routing: RouteConfig = ROUTING,
):
    event = ChunksRetrieved(
        carried=carried(
            question("q", top_k=top_k),
            degraded=["retrieve: lexical unavailable"],
            timings_ms={"retrieve": 2.0},
        ),
        candidates=[*candidates],
    )
    (result,) = rerank(event, config=config, routing=routing)
    return result


def test_a_question_is_searched_for_as_it_was_asked() -> None:
    given = carried(" What? ", variants=[], degraded=["a"], timings_ms={"b": 1.0})
    asked = QuestionAdmitted(carried=given)
    (result,) = rewrite(asked, sessions=MemorySessions(), now=lambda: 0)
    assert result.carried == replace(given, variants=[" What? "])


def test_all_waiting_questions_cost_one_call_of_each_kind() -> None:
    index, embedder = stocked("alpha", "beta", "gamma"), Embedder()
    questions = [asked("alpha", "alpha one"), asked("beta"), asked("gamma")]
    outcomes = searching(questions, embedder, index, CONFIG)
    assert embedder.calls == [["alpha", "alpha one", "beta", "gamma"]]
    assert (index.searches, index.fetches) == (1, 1)
    found = [outcome[0].candidates[0].text for outcome in outcomes]  # type: ignore[index]
    assert found == ["alpha", "beta", "gamma"]


def test_no_question_is_no_work() -> None:
    assert searching([], Embedder(), stocked("a"), CONFIG) == []


def test_a_candidate_carries_the_chunk_and_every_score() -> None:
    (event,) = run(stocked("alpha beta", "gamma"), asked("alpha beta"))
    first, second = event.candidates
    assert (first.chunk_id, first.text) == (chunk_id("alpha beta", 0), "alpha beta")
    assert first.score == first.scores["fused"] == pytest.approx(1)
    assert first.scores["dense"] == pytest.approx(1, abs=0.002)
    assert first.scores["bm25"] > 0 == second.scores["bm25"]
    of_sentences = [float(vector(f"alpha beta/{n}") @ vector("alpha beta")) for n in (1, 2)]
    assert first.sentence_scores == pytest.approx(of_sentences, abs=0.01)
    assert first.scores["sentence"] == max(first.sentence_scores)
    assert first.sentences == [0, 1, 1, 10]
    used = event.carried.versions
    assert (used.index, used.embedding_model) == ("v7", "m"), "not what the question set out with"


def test_what_came_before_is_passed_on() -> None:
    (event,) = run(stocked("alpha"), asked("alpha"))
    assert (event.carried.degraded, event.carried.timings_ms) == (
        ["admit: earlier"],
        {"admit": 1.0},
    )


def test_questions_of_several_tenants_see_their_own_chunks_only() -> None:
    index = stocked("alpha")
    apply(index, [change("other", 1, ("alpha",), tenant="b")])
    ours, theirs = run(index, asked("alpha"), asked("alpha", tenant="b"))
    assert [c.doc_id for c in ours.candidates] == ["alpha"]
    assert [c.doc_id for c in theirs.candidates] == ["other"]


def test_filters_reach_the_index() -> None:
    index = stocked("alpha")
    apply(index, [change("de", 1, ("alpha",), metadata={"lang": "de"})])
    (event,) = run(index, asked("alpha", lang="de"))
    assert [c.doc_id for c in event.candidates] == ["de"]


def test_as_many_candidates_are_kept_as_configured_or_asked_for() -> None:
    index = stocked(*(f"word {n}" for n in range(9)))
    config = replace(CONFIG, candidates=3)
    few, many = run(index, asked("word", top_k=2), asked("word", top_k=5), config=config)
    assert (len(few.candidates), len(many.candidates)) == (3, 5)


def test_an_empty_index_gives_no_candidates() -> None:
    (event,) = run(stocked(), asked("alpha"))
    assert event.candidates == []
    assert event.carried.degraded == ["admit: earlier"]


def test_a_chunk_removed_since_the_search_is_left_out() -> None:
    index = stocked("alpha", "beta")
    index.gone = chunk_id("alpha", 0)
    (event,) = run(index, asked("alpha"))
    assert [c.text for c in event.candidates] == ["beta"]


@pytest.mark.parametrize("down", ["dense", "lexical"])
def test_one_index_down_leaves_the_other_and_says_so(down: str) -> None:
    index = stocked("alpha", "beta")
    setattr(index, down, False)
    (event,) = run(index, asked("alpha"))
    assert event.carried.degraded == ["admit: earlier", f"retrieve: {down} unavailable"]
    assert event.candidates[0].text == "alpha"
    assert event.candidates[0].score == pytest.approx(1, abs=0.002)
    assert event.candidates[0].scores["dense"] == pytest.approx(1, abs=0.002)


def test_both_indexes_down_is_tried_again() -> None:
    index = stocked("alpha")
    index.dense = index.lexical = False
    (outcome,) = searching([asked("alpha")], Embedder(), index, CONFIG)
    assert isinstance(outcome, Retry)


def test_questions_of_a_tenant_whose_documents_are_lacking_wait_and_no_others() -> None:
    index = stocked("the limit is nine")
    apply(index, [change("b", 1, ("the limit is ten",), tenant="other")])
    index.lacking.expect({("acme", "gone"): (1, 0, 0)})
    both = [asked("the limit"), asked("the limit", tenant="other")]
    mine, theirs = searching(both, Embedder(), index, CONFIG)
    assert isinstance(mine, Retry)
    assert "reindex --scan" in str(mine)
    assert not isinstance(theirs, Retry)
    apply(index, [change("gone", 1, ("the limit is back",))])
    assert {each.text for (back,) in [run(index, asked("the limit"))] for each in back.candidates}


def test_an_embedder_that_is_down_leaves_the_order_to_words() -> None:
    class Down(Embedder):
        def embed_queries(self, queries: Sequence[str]) -> np.ndarray:
            raise Retry("the embedding service does not answer")

    (outcome,) = searching([asked("alpha")], Down(), stocked("alpha", "beta"), CONFIG)
    assert not isinstance(outcome, Exception)
    (event,) = outcome
    assert [each.text for each in event.candidates] == ["alpha"]
    assert event.carried.degraded[-1] == "retrieve: dense unavailable"


def test_any_variant_can_bring_a_chunk_in_and_it_comes_once() -> None:
    config = replace(CONFIG, limit=1)
    (event,) = run(stocked("alpha", "beta", "gamma"), asked("alpha", "beta"), config=config)
    assert sorted(c.text for c in event.candidates) == ["alpha", "beta"]


@pytest.mark.parametrize("method", ["max", "minmax", "rrf"])
def test_every_method_puts_what_both_indexes_like_first(method: str) -> None:
    dense, lexical = ranking(a=0.9, both=0.8, c=0.1), ranking(d=9.0, both=8.0, e=1.0)
    found = order([dense], [lexical], method)
    assert found[0] == "both"
    assert sorted(found) == ["a", "both", "c", "d", "e"]


def test_max_counts_scores_as_shares_of_the_best() -> None:
    fused = fuse([ranking(a=0.8, b=0.4)], [ranking(b=10.0, c=5.0)], method="max", bm25_weight=0.25)
    scores = {hit.chunk_id: (hit.score, hit.bm25) for hit in fused}
    # What the dense search does not list counts as its last.
    assert scores == {
        "a": (pytest.approx(0.75), 0.0),
        "b": (pytest.approx(0.375 + 0.25), 10.0),
        "c": (pytest.approx(0.375 + 0.125), 5.0),
    }
    assert [hit.chunk_id for hit in fused] == ["a", "b", "c"]


def test_the_score_of_max_does_not_depend_on_how_long_the_rankings_are() -> None:
    dense, lexical = ranking(a=0.9, b=0.6, c=0.5), ranking(b=8.0, a=2.0, d=1.0)
    full = fuse([dense], [lexical], method="max", bm25_weight=0.5)
    short = fuse([ranking(a=0.9, b=0.6)], [ranking(b=8.0, a=2.0)], method="max", bm25_weight=0.5)
    assert [(h.chunk_id, pytest.approx(h.score)) for h in full[:2]] == [
        (h.chunk_id, h.score) for h in short
    ]


@pytest.mark.parametrize("method", ["max", "minmax", "rrf"])
def test_rankings_without_spread_or_hits_are_no_error(method: str) -> None:
    assert order([], [], method) == []
    assert order([ranking()], [ranking()], method) == []
    assert order([ranking()], [ranking(a=2.0)], method) == ["a"]
    assert order([ranking(b=0.5, a=0.5)], [ranking()], method) in (["a", "b"], ["b", "a"])
    assert order([ranking(a=-0.1, b=-0.2)], [], method)[-1:] != []


def test_equal_scores_come_in_the_order_of_chunk_ids() -> None:
    assert order([ranking(b=1.0, a=1.0)], [ranking(c=1.0)], weight=0.0) == ["a", "b", "c"]


def test_one_side_alone_decides_by_its_full_weight() -> None:
    assert [h.score for h in fuse([], [ranking(a=4.0)], method="max", bm25_weight=0.3)] == [1.0]
    assert [h.score for h in fuse([ranking(a=0.4)], [], method="max", bm25_weight=0.3)] == [1.0]


def test_variants_count_alike() -> None:
    assert order([ranking(a=0.9, b=0.3), ranking(b=0.5, a=0.4)], []) == ["a", "b"]
    assert order([ranking(a=0.9, b=0.8), ranking(b=0.5, a=0.1)], []) == ["b", "a"]


def test_a_near_sentence_lifts_its_chunk() -> None:
    plain = candidate("plain", dense=0.60, bm25=5.0, sentence=0.60)
    lifted = candidate("lifted", dense=0.55, bm25=5.0, sentence=0.90)
    assert [c.chunk_id for c in reranked(plain, lifted).candidates] == ["lifted", "plain"]
    flat = replace(CONFIG, sentence_weight=0.0)
    assert reranked(plain, lifted, config=flat).candidates[0].chunk_id == "plain"


def test_a_far_sentence_does_not_sink_its_chunk() -> None:
    far = candidate("far", dense=0.7, bm25=5.0, sentence=0.1)
    near = candidate("near", dense=0.6, bm25=5.0, sentence=0.6)
    assert [c.chunk_id for c in reranked(near, far).candidates] == ["far", "near"]


def test_an_identifier_that_only_bm25_knows_stays_first() -> None:
    exact = candidate("exact", dense=0.30, bm25=14.0, sentence=0.30)
    vague = candidate("vague", dense=0.40, bm25=3.0, sentence=0.45)
    assert reranked(vague, exact).candidates[0].chunk_id == "exact"


def test_the_score_of_a_candidate_does_not_depend_on_the_weaker_ones() -> None:
    pair = candidate("a", 0.8, 9.0, 0.7), candidate("b", 0.7, 9.5, 0.9)
    alone = reranked(*pair).candidates
    among = reranked(*pair, candidate("c", 0.1, 0.0, 0.1)).candidates[:2]
    assert alone == among


def test_the_best_top_k_are_kept_with_their_scores_and_the_rest_passed_on() -> None:
    many = [candidate(f"{n}", n / 10, 0.0, 0.0) for n in range(1, 6)]
    result = reranked(*many, top_k=2)
    assert [c.chunk_id for c in result.candidates] == ["5", "4"]
    assert result.candidates[0].score == result.candidates[0].scores["reranked"] == 1
    assert result.candidates[0].scores["dense"] == 0.5
    assert result.carried.variants == ["q"]
    assert result.carried.degraded == ["retrieve: lexical unavailable"]
    assert result.carried.timings_ms == {"retrieve": 2.0}


def test_a_question_goes_to_its_tenants_tier_and_says_why() -> None:
    routing = RouteConfig(
        tenant_tiers={"acme": "premium"}, models={"extractive": "extractive", "premium": "large"}
    )
    result = reranked(routing=routing)
    assert (result.tier, result.model) == ("premium", "large")
    assert result.carried.decisions == [
        "rerank: ordered by sentence-mix",
        "rerank: tier premium, its tenant's",
    ]
    assert reranked().carried.decisions[-1] == "rerank: tier extractive, the default"


def test_no_candidates_and_no_similarity_are_no_error() -> None:
    assert reranked().candidates == []
    assert [c.score for c in reranked(candidate("a", -0.2, 0.0, -0.1)).candidates] == [0]


def test_equal_candidates_keep_the_fused_order() -> None:
    same = [candidate(name, 0.5, 1.0, 0.5) for name in "cab"]
    assert [c.chunk_id for c in reranked(*same).candidates] == ["c", "a", "b"]


def test_a_question_that_looks_an_identifier_up_gets_what_goes_by_it_first() -> None:
    vague = candidate("vague", dense=0.9, bm25=9.0, sentence=0.9)
    mentions = replace(candidate("mentions", 0.5, 8.0, 0.5), text="See AC-2(3) for more.")
    named = replace(candidate("named", 0.1, 1.0, 0.1), title="AC-2 (3) Disable accounts")
    found = [vague, mentions, named]
    event = ChunksRetrieved(carried=carried("What does ac-2(3) require?"), candidates=found)
    found = ranked(event, CONFIG)
    assert [c.chunk_id for c in found] == ["named", "mentions", "vague"]
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_likeness_to_the_best_candidates_leaves_the_candidate_itself_out() -> None:
    (event,) = run(stocked("alpha beta", "gamma"), asked("alpha beta"))
    first, second = event.candidates
    alike = float(vector("alpha beta") @ vector("gamma"))
    assert first.scores["feedback"] == pytest.approx(alike, abs=0.01)
    assert second.scores["feedback"] == pytest.approx(alike, abs=0.01)
