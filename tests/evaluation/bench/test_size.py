"""The bench of a large index: made documents, and figures that can be judged."""

from __future__ import annotations

from evaluation.bench import size
from evaluation.bench.size import Made, Options


def test_what_is_made_is_the_same_each_time_and_as_much_as_was_asked_for() -> None:
    first, second = ([*Made().documents(700)] for _ in range(2))
    assert first == second
    assert sum(len(each.chunks) for some in first for each in some) == 700
    ids = {each.chunk.chunk_id for some in first for change in some for each in change.chunks}
    assert len(ids) == 700


def test_a_small_index_is_measured_with_its_graph() -> None:
    options = Options(chunks=1_200, small=600, questions=10, share=1.0)
    findings = size.run(options, lambda _: None)
    by_name = {each.name: each for each in findings.figures}
    (found,) = [each for name, each in by_name.items() if name.startswith("recall@10")]
    assert found.value == 1.0, "so few are looked through, graph or not"
    (p50,) = [
        each for name, each in by_name.items() if name.startswith("search at 1,200 chunks, p50")
    ]
    assert p50.limit and p50.value > 0
    assert by_name["disk"].value > 0
    assert {"copied", "linked", "taken_over"} <= findings.details["rewritten_s"].keys()
