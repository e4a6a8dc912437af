from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
from evaluation.quality.judge import LocalJudge, load
from evaluation.quality.reporting import report
from evaluation.quality.scoring import METRICS, Scorer, Scores
from schemas.events import Candidate, Citation, QuestionAnswered, Usage, Versions
from streams.app.settings import Settings
from streams.flow.errors import UserError
from tests.support.model_server import completion, serving

ROOT = Path(__file__).parents[3]
TEXT = "A Classic Debit card can withdraw 600 euros a day. A lost card is blocked at once."
ITEM = Item("q1", "How much can a Classic Debit card withdraw a day?", reference="600 euros a day.")
GATES = Gates("gates-1", 0.9, {"faithfulness": 0.85, "context_recall": 0.75})


def reply(answer: str, *texts: str, status: str = "answered") -> Reply:
    chunks = tuple(
        Candidate(
            chunk_id=str(n), doc_id=f"d{n}", doc_version=1, ordinal=0, title="Debit cards",
            heading="Limits", uri="", text=text, chunking="c", changed_at=0, score=1.0, scores={},
            sentences=[], sentence_scores=[],
        )
        for n, text in enumerate(texts)
    )  # fmt: skip
    citation = Citation(
        chunk_id="0", doc_id="d0", doc_version=1, start=0, end=1, quote="A", score=1.0
    )
    versions = Versions(
        prompt="p", pipeline="p", embedding_model="e", index="i", chunking="c", policy="p"
    )
    answered = QuestionAnswered(
        request_id="r", tenant="default", status=status, answer=answer,  # type: ignore[arg-type]
        citations=[citation] if status == "answered" else [], reasons=[], degraded=[],
        tier="local", model="m", versions=versions, timings_ms={}, answered_at=0,
        usage=Usage(input_tokens=0, output_tokens=0, cost=0.0),
    )  # fmt: skip
    return Reply(answered, chunks)


def judged(asked: dict[str, Any]) -> str:
    """A judge's answer to what ragas asks: supported is what has no word its evidence lacks."""
    system, user, *_ = (each["content"] for each in asked["messages"])
    data = json.loads(user.rpartition("input: ")[2].rpartition("\nOutput:")[0])

    def supported(claim: str) -> dict[str, Any]:
        lacking = set(claim.lower().split()) - set(data["context"].lower().split())
        return {"statement": claim, "reason": f"lacks {lacking}", "verdict": int(not lacking)}

    said = [each.strip() + "." for each in data.get("answer", "").split(".") if each.strip()]
    answers: dict[str, Callable[[], dict[str, Any]]] = {
        "StatementGeneratorOutput": lambda: {"statements": said},
        "NLIStatementOutput": lambda: {"statements": [*map(supported, data["statements"])]},
        "AnswerRelevanceOutput": lambda: {"question": ITEM.question, "noncommittal": 0},
        "ContextRecallOutput": lambda: {
            "classifications": [
                found | {"attributed": found.pop("verdict")} for found in map(supported, said)
            ]
        },
        "ContextPrecisionOutput": lambda: supported(data["answer"]),
    }
    (kind,) = (name for name in answers if f'"title": "{name}"' in system)
    return json.dumps(answers[kind]())


def scored(judge: LocalJudge, found: Reply, /, **settings: Any) -> Scores:
    with Scorer(Settings(**settings), judge) as scorer:
        return scorer.score(ITEM, found)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalJudge]:
    with LocalJudge(tmp_path_factory.mktemp("models"), load(), streams=1) as found:
        yield found


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


# ragas leaves a file of its own open when it first asks a model.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_remote_judge_scores_all_four_metrics(judge: LocalJudge) -> None:
    with serving() as server, ExitStack() as exits:
        server.says = judged
        settings = Settings(judge={"url": server.url, "model": "large", "key": "k"})
        scorer = exits.enter_context(Scorer(settings, judge))
        said = "A Classic Debit card can withdraw 600 euros a day."
        good = scorer.score(ITEM, reply(said, TEXT, "Opening hours are on the website."))
        assert (good.unmeasured, set(good.values)) == ({}, set(METRICS))
        assert good.values == pytest.approx(dict.fromkeys(METRICS, 1.0))
        half = scorer.score(ITEM, reply(f"{said} Penguins withdraw more.", TEXT))
        assert half.values["faithfulness"] == 0.5
        missed = scorer.score(ITEM, reply(said, "Penguins live in the south."))
        assert missed.values["context_recall"] == missed.values["context_precision"] == 0.0
    assert scorer.name == f"large at {server.url}"
    assert {(each["model"], each["key"]) for each in server.asked} == {("large", "Bearer k")}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("body", "pause_s", "reason"),
    [
        (b'{"choices": "junk"}', 0.0, "the judge failed"),
        (b"<html>", 0.0, "the judge failed"),
        (completion("I think that it is fine."), 0.0, "the judge gave no verdict: 1 validation"),
        (completion("{}"), 0.0, "the judge gave no verdict"),
        (b"{}", 2.0, "did not answer in time"),
    ],
    ids=["junk", "page", "prose", "other JSON", "time-out"],
)
def test_a_judge_that_fails_leaves_the_item_unmeasured(
    judge: LocalJudge, body: bytes, pause_s: float, reason: str
) -> None:
    with serving() as server:
        server.body, server.pause_s = body, pause_s
        limit = 0.2 if pause_s else 20.0
        asked = {"judge": {"url": server.url, "model": "m", "timeout_s": limit}}
        scores = scored(judge, reply(TEXT, TEXT), **asked)
    assert scores.values == {}
    assert set(scores.unmeasured) == set(METRICS)
    assert all(reason in why for why in scores.unmeasured.values()), scores.unmeasured


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_judge_that_fails_at_one_thing_is_believed_in_the_others(judge: LocalJudge) -> None:
    with serving() as server:
        server.says = lambda asked: (
            judged(asked) if "ContextRecall" not in str(asked["messages"][0]) else "no idea"
        )
        found = reply("600 euros a day.", TEXT)
        scores = scored(judge, found, judge={"url": server.url, "model": "m"})
    assert set(scores.values) == set(METRICS) - {"context_recall"}
    assert "no verdict" in scores.unmeasured["context_recall"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_endpoint_that_hangs_is_given_up_after_three_calls(judge: LocalJudge) -> None:
    with serving() as server, ExitStack() as exits:
        server.says, server.pause_s = judged, 1.0  # a piece each second: no read of it is late
        settings = Settings(judge={"url": server.url, "model": "m", "timeout_s": 1.5})
        scorer = exits.enter_context(Scorer(settings, judge))
        begin = time.monotonic()
        first, *rest = (scorer.score(ITEM, reply(TEXT, TEXT)) for _ in range(50))
        assert time.monotonic() - begin < 4 * 1.5 + 2
    said = "the judge's endpoint gave no answer 3 times; last: the judge did not answer in time"
    assert len(server.asked) == 3
    assert list(first.unmeasured.values()) == [*["the judge did not answer in time"] * 3, said]
    assert all(each == Scores({}, dict.fromkeys(METRICS, said)) for each in rest)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_endpoint_that_refuses_or_fails_now_and_then_is_asked_on(judge: LocalJudge) -> None:
    with serving() as server, ExitStack() as exits:
        server.body = b"{}"
        settings = Settings(judge={"url": server.url, "model": "m"})
        scorer = exits.enter_context(Scorer(settings, judge))
        server.status = 422
        refused = scorer.score(ITEM, reply(TEXT, TEXT))
        assert all("422" in why for why in refused.unmeasured.values())
        server.status = 404
        found = reply(TEXT)  # no chunk: the answer's relevancy is all there is to ask about
        assert "404" in scorer.score(ITEM, found).unmeasured["answer_relevancy"]
        assert "404" in scorer.score(ITEM, found).unmeasured["answer_relevancy"]
        server.status, server.says = 200, judged
        assert scorer.score(ITEM, found).values == {"answer_relevancy": pytest.approx(1.0)}
        server.status, server.says = 404, None
        assert "404" in scorer.score(ITEM, found).unmeasured["answer_relevancy"]
        server.status, server.says = 200, judged
        assert scorer.score(ITEM, reply("600 euros a day.", TEXT)).unmeasured == {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_keeps_the_scores_there_are(judge: LocalJudge) -> None:
    with serving() as server, ExitStack() as exits:
        settings = Settings(judge={"url": server.url, "model": "m"})
        scorer = exits.enter_context(Scorer(settings, judge))

        def says(asked: dict[str, Any]) -> str:
            if "Zebras" in str(asked["messages"][-1]):
                os.kill(os.getpid(), signal.SIGINT)
            return judged(asked)

        server.says = says
        replies = [reply(each, TEXT) for each in ("600 euros a day.", "Zebras graze.", "A third.")]
        first, *rest = evaluate.score_each(scorer, [ITEM] * 3, replies, lambda _: None)
    assert set(first.values) == set(METRICS)
    assert rest == [Scores({}, dict.fromkeys(METRICS, "the run was interrupted"))] * 2


def test_scores_that_cannot_be_written_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    data = write(tmp_path / "q.jsonl", {"question": "a?", "reference": "b"})
    result = CliRunner().invoke(evaluate.app, ["--output", str(tmp_path), "--data", str(data)])
    assert result.exit_code == 2
    assert "cannot be written" in " ".join(result.stderr.split())


def test_a_judge_without_a_model_is_a_user_error(judge: LocalJudge) -> None:
    with pytest.raises(UserError, match="MILLRACE_JUDGE__MODEL"):
        Scorer(Settings(judge={"url": "http://127.0.0.1:1/v1"}), judge)


def test_ci_files_call_the_gates() -> None:
    workflow = (ROOT / ".github/workflows/evaluate.yml").read_text()
    assert workflow == (ROOT / "infra/ci/github-actions.yml").read_text()
    for text in (workflow, (ROOT / "infra/ci/Jenkinsfile").read_text()):
        assert "make evaluate" in text
    assert "evaluate" in (ROOT / ".ci/run").read_text()
