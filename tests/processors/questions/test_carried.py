"""What stages add to what a question carries."""

from __future__ import annotations

from processors.money.total import total
from processors.questions.carried import decided, degraded, made_with, used
from schemas.events import ModelUsage, Usage
from tests.support.question_events import carried


def usage(operation: str, tokens: int, cost: int | None) -> ModelUsage:
    return ModelUsage(
        operation=operation, model="m", input_tokens=tokens, output_tokens=1, cost_nanos=cost
    )


def test_each_call_stays_one_and_an_answer_costs_what_all_of_them_do() -> None:
    found = carried("q")
    calls = [usage("rewrite", 10, 3), usage("generate", 20, 4), usage("generate", 4, 500_000_000)]
    for each in calls:
        found = used(found, each)
    assert found.usage == calls
    assert total(found.usage) == Usage(input_tokens=34, output_tokens=3, cost=0.500000007)


def test_what_an_answer_costs_is_unknown_where_one_call_has_no_price() -> None:
    assert total([usage("rewrite", 10, 3), usage("generate", 20, None)]).cost is None
    assert total([]).cost == 0.0


def test_a_stage_adds_to_what_is_carried_and_leaves_what_it_was_given_alone() -> None:
    before = carried("q", degraded=["admit: a"], decisions=["admit: b"])
    after = decided(degraded(before, "retrieve: c", "retrieve: d"), "rerank: e")
    assert after.degraded == ["admit: a", "retrieve: c", "retrieve: d"]
    assert after.decisions == ["admit: b", "rerank: e"]
    assert made_with(after, index="v9").versions.index == "v9"
    assert (before.degraded, before.decisions) == (["admit: a"], ["admit: b"])
    assert before.versions.index != "v9"


def test_time_is_kept_in_one_map_all_the_way() -> None:
    """The runtime writes into the map of the event that goes out."""
    before = carried("q", timings_ms={"admit": 1.0})
    assert degraded(before, "a: b").timings_ms is before.timings_ms
