"""What stages add to what a question carries."""

from __future__ import annotations

from processors.questions.carried import decided, degraded, made_with, used
from processors.questions.usage import total
from schemas.events import ModelUsage, Usage
from tests.support.question_events import carried


def usage(operation: str, model: str, tokens: int) -> ModelUsage:
    return ModelUsage(
        operation=operation, model=model, input_tokens=tokens, output_tokens=1, cost=tokens / 8
    )


def test_what_one_operation_uses_of_one_model_is_added_up_and_nothing_else_is() -> None:
    found = carried("q")
    for each in (
        usage("rewrite", "small", 10),
        usage("generate", "small", 20),
        usage("generate", "large", 40),
        usage("generate", "small", 4),
    ):
        found = used(found, each)
    told = {(each.operation, each.model): each.input_tokens for each in found.usage}
    assert told == {
        ("rewrite", "small"): 10,
        ("generate", "small"): 24,
        ("generate", "large"): 40,
    }
    assert total(found.usage) == Usage(input_tokens=74, output_tokens=4, cost=74 / 8)


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
