from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation import evaluate
from evaluation.lines import BadLine
from evaluation.quality import dataset, gates
from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.gates import Gates, Total
from evaluation.quality.judge import LocalJudge
from evaluation.quality.reporting import report
from evaluation.quality.scoring import METRICS, Scorer, Scores
from streams.app.settings import Settings
from streams.flow.errors import UserError
from tests.support.replies import ITEM, TEXT, reply, scored

ROOT = Path(__file__).parents[3]
GATES = Gates("gates-1", 0.9, {"faithfulness": 0.85, "context_recall": 0.75})


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_a_dataset_names_each_bad_line_and_keeps_the_rest(tmp_path: Path) -> None:
    good = {"question": "a?", "answer": "b", "tenant": "t", "sources": "d", "contains": ["b"]}
    path = write(
        tmp_path / "q.jsonl",
        good,
        "nonsense",
        {"question": "a?", "reference": 1},
        {"question": "", "reference": "b"},
        good | {"answerable": "yes"},
        good | {"contains": [1]},
        good | {"question": "half \ud83d"},
        "[" * 100_000,
        {"question": "c?", "answerable": False},
    )
    items, bad = dataset.read(path)
    assert [item.question for item in items] == ["a?", "c?"]
    assert items[0].sources == ("d",)
    assert [(each.line, each.reason) for each in bad] == [
        (2, "is not JSON"),
        (3, "reference is not a text"),
        (4, "has no question"),
        (5, "answerable is not true or false"),
        (6, "contains is not a list of texts"),
        (7, "has half a character (a lone surrogate)"),
        (8, "is nested too deeply"),
    ]


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", {"query": "a", "text": "b"})
    with pytest.raises(
        UserError, match=r"no column question \(or user_input\); it has query, text"
    ):
        dataset.read(path)


def test_a_dataset_of_ragas_is_read_by_its_own_names(tmp_path: Path) -> None:
    row = {"user_input": "a?", "reference": "b", "reference_contexts": ["c"], "response": "d"}
    items, bad = dataset.read(write(tmp_path / "q.jsonl", row))
    assert (items, bad) == ([Item("1", "a?", reference="b")], [])


def test_a_dataset_without_references_leaves_what_needs_them_unmeasured(
    tmp_path: Path, judge: LocalJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    items, _ = dataset.read(write(tmp_path / "q.jsonl", {"question": ITEM.question}))
    answer = reply("A Classic Debit card can withdraw 600 euros a day.", TEXT)
    with Scorer(Settings(), judge) as scorer:
        scores = evaluate.score_each(scorer, items, [answer], lambda _: None)
    assert set(scores[0].values) == {"faithfulness", "answer_relevancy"}
    found = report("local x", GATES, items, 1, [(answer, scores[0])])
    assert found["gates"]["failed"] == {
        "context_recall": "unmeasured: 0 of 1 measurements, at least 90% wanted; "
        "no reference: 1 (1)"
    }
    evaluate.show(found)
    assert "context_precision is unmeasured: no reference: 1 (1)" in capsys.readouterr().out


def test_a_user_error_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    arguments = ["--output", str(tmp_path / "o.json"), "--data", str(tmp_path / "none.jsonl")]
    result = CliRunner().invoke(evaluate.app, arguments)
    assert result.exit_code == 2
    assert "cannot be read" in " ".join(result.stderr.split())


def total(value: float, measured: int, of: int, **unmeasured: list[str]) -> Total:
    return Total(value, value, value, measured, of, unmeasured)


def test_an_unmeasured_metric_fails_its_gate_and_says_what_was_not_measured() -> None:
    nan, full = float("nan"), total(0.8, 10, 10)
    assert GATES.failures({"faithfulness": total(0.9, 9, 10), "context_recall": full}) == {}
    failed = GATES.failures({"faithfulness": total(0.8, 9, 9), "context_recall": full})
    assert failed == {"faithfulness": "0.800 is below 0.85"}
    failed = GATES.failures(
        {
            "faithfulness": total(0.9, 8, 10, late=["q1"], failed=["q2"]),
            "context_recall": total(nan, 0, 10, late=["q1", "q1", *"abcdefgh"]),
        }
    )
    assert failed == {
        "faithfulness": "unmeasured: 8 of 10 measurements, at least 90% wanted; late: 1 (q1); "
        "failed: 1 (q2)",
        "context_recall": "unmeasured: 0 of 10 measurements, at least 90% wanted; late: 10 "
        "(q1, a, b and 6 more)",
    }


def test_a_metric_that_no_line_asks_for_has_no_gate_to_fail() -> None:
    nothing = total(float("nan"), 0, 0)
    assert GATES.failures({"faithfulness": nothing, "context_recall": nothing}) == {}
    assert nothing.status == "nothing to measure"


def test_lines_that_could_not_be_used_count_as_unmeasured() -> None:
    found = report(
        "local x",
        GATES,
        [ITEM],
        2,
        [(reply(TEXT, TEXT), Scores(dict.fromkeys(METRICS, 1.0)))] * 2,
        [BadLine(2, "has no question"), BadLine(3, "is not JSON")],
    )
    recall = found["totals"]["context_recall"]
    assert (recall["measured"], recall["of"], found["lines"]) == (2, 6, {"asked": 1, "of": 3})
    assert recall["unmeasured"]["is not JSON"] == ["line 3", "line 3"]
    assert set(found["gates"]["failed"]) == set(GATES.least)
    assert "2 of 6 measurements" in found["gates"]["failed"]["context_recall"]
    assert "has no question: 2 (line 2)" in found["gates"]["failed"]["context_recall"]


def test_a_bad_line_among_unanswerable_questions_fails_no_gate_of_answers() -> None:
    items = [Item(f"u{n}", "c?", answerable=False) for n in range(3)]
    replies = [(reply("", status="abstained"), Scores())] * 3
    found = report("local x", gates.read(), items, 1, replies, [BadLine(2, "is not JSON")])
    assert set(found["gates"]["failed"]) == {"abstention"}
    assert "3 of 4 measurements" in found["gates"]["failed"]["abstention"]


def test_unanswerable_questions_that_are_answered_fail_a_gate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = [ITEM, *(Item(f"u{n}", "c?", answerable=False) for n in range(3))]
    replies = [
        (reply(TEXT, TEXT), Scores(dict.fromkeys(METRICS, 1.0))),
        (reply("", status="abstained"), Scores()),
        (reply("invented", TEXT), Scores()),
        (Reply(None, error="no answer in 60 s"), Scores()),
    ]
    found = report("local x", Gates("g", 0.6, {"abstention": 0.95}), items, 1, replies)
    assert found["gates"]["failed"] == {"abstention": "0.500 is below 0.95"}
    assert found["gates"]["worst"]["abstention"][1]["id"] == "u1"
    assert found["abstention"]["answerable"] == {"right": 1, "of": 1}
    failed = report("local x", gates.read(), items, 1, replies)["gates"]["failed"]
    assert "no answer in 60 s: 1 (u2)" in failed["abstention"]
    evaluate.show(found)
    assert "u1: c? (0.00)" in capsys.readouterr().out


def test_a_report_names_the_metric_that_fell_and_its_worst_questions() -> None:
    items = [ITEM, Item("q2", "b?", reference="b"), Item("q3", "c?", answerable=False)]
    scored = [
        (reply(TEXT, TEXT), Scores({"faithfulness": 1.0, "context_recall": 1.0})),
        (reply("no", TEXT), Scores({"context_recall": 0.9}, {"faithfulness": "undetermined"})),
        (reply("", status="abstained"), Scores()),
    ]
    found = report("local x", GATES, items, 1, scored)
    assert found["totals"]["faithfulness"]["measured"] == 1
    assert found["totals"]["answer_relevancy"]["value"] is None
    assert found["totals"]["answer_relevancy"]["status"] == "unmeasured"
    assert found["gates"]["failed"] == {
        "faithfulness": "unmeasured: 1 of 2 measurements, at least 90% wanted; undetermined: 1 (q2)"
    }
    assert [q["id"] for q in found["gates"]["worst"]["faithfulness"]] == ["q2", "q1"]
    assert found["abstention"]["unanswerable"] == {"right": 1, "of": 1}
    assert found["abstention"]["answerable"] == {"right": 2, "of": 2}
    json.dumps(found, allow_nan=False)


def test_repeats_are_averaged_by_question() -> None:
    scored = [
        (reply(TEXT, TEXT), Scores({"faithfulness": value, "context_recall": 1.0}))
        for value in (1.0, 0.5)
    ]
    found = report("local x", GATES, [ITEM], 2, scored)
    mean = found["totals"]["faithfulness"]
    assert (mean["value"], mean["measured"], mean["of"]) == (0.75, 2, 2)
    assert mean["low"] <= 0.75 <= mean["high"]
    assert found["gates"]["failed"] == {"faithfulness": "0.750 is below 0.85"}


def test_a_repeat_that_was_not_measured_is_counted() -> None:
    late = Scores({"context_recall": 1.0}, {"faithfulness": "late"})
    scored = [(reply(TEXT, TEXT), Scores({"faithfulness": 1.0, "context_recall": 1.0}))]
    found = report("local x", GATES, [ITEM], 3, [*scored, *[(reply(TEXT, TEXT), late)] * 2])
    assert set(found["gates"]["failed"]) == {"faithfulness"}
    assert "1 of 3 measurements" in found["gates"]["failed"]["faithfulness"]
    assert found["questions"][0]["metrics"]["faithfulness"] == {
        "value": 1.0,
        "unmeasured": "late",
        "times": 2,
    }


def test_the_local_judge_scores_all_four_metrics_through_ragas(judge: LocalJudge) -> None:
    said = "A Classic Debit card can withdraw 600 euros a day."
    good = scored(judge, reply(said, TEXT, "Opening hours are on the website."))
    assert good.unmeasured == {}
    assert set(good.values) == set(METRICS)
    assert good.values["faithfulness"] == good.values["context_recall"] == 1.0
    assert good.values["context_precision"] == pytest.approx(1.0)
    assert good.values["answer_relevancy"] > 0.8
    bad = scored(judge, reply("Penguins live in the southern hemisphere.", TEXT))
    assert bad.values["faithfulness"] == 0.0
    assert bad.values["answer_relevancy"] < good.values["answer_relevancy"] - 0.2
    missed = scored(judge, reply(said, "Penguins live in the southern hemisphere."))
    assert missed.values["context_recall"] == missed.values["context_precision"] == 0.0


def test_what_has_no_answer_is_unmeasured_and_an_abstention_is_no_relevant_answer(
    judge: LocalJudge,
) -> None:
    none = scored(judge, Reply(None, error="no answer in 60 s"))
    assert none.values == {}
    assert set(none.unmeasured.values()) == {"no answer in 60 s"}
    abstained = scored(judge, reply("", TEXT, status="abstained"))
    assert abstained.unmeasured == {"faithfulness": "no answer was given"}
    assert abstained.values["answer_relevancy"] == 0.0
    assert abstained.values["context_recall"] == 1.0


def test_scores_that_cannot_be_written_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    data = write(tmp_path / "q.jsonl", {"question": "a?", "reference": "b"})
    result = CliRunner().invoke(evaluate.app, ["--output", str(tmp_path), "--data", str(data)])
    assert result.exit_code == 2
    assert "cannot be written" in " ".join(result.stderr.split())


def test_ci_files_call_the_gates() -> None:
    workflow = (ROOT / ".github/workflows/evaluate.yml").read_text()
    assert workflow == (ROOT / "infra/ci/github-actions.yml").read_text()
    for text in (workflow, (ROOT / "infra/ci/Jenkinsfile").read_text()):
        assert "make evaluate" in text
    assert "evaluate" in (ROOT / ".ci/run").read_text()
