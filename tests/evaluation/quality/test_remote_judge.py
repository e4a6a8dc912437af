"""A model behind an endpoint as judge, that may hang, refuse or talk nonsense."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from typing import Any

import pytest

from evaluation import evaluate
from evaluation.quality.judge import LocalJudge
from evaluation.quality.scoring import METRICS, Scorer, Scores
from streams.app.settings import Settings
from streams.flow.errors import UserError
from tests.support.model_server import completion, serving
from tests.support.replies import ITEM, TEXT, judged, reply, scored


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
        # What a shell starts in the background ignores interrupts, these tests perhaps among it.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        exits.callback(signal.signal, signal.SIGINT, before)

        def says(asked: dict[str, Any]) -> str:
            if "Zebras" in str(asked["messages"][-1]):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1.0)  # no answer comes before the main thread has seen the signal
            return judged(asked)

        server.says = says
        replies = [reply(each, TEXT) for each in ("600 euros a day.", "Zebras graze.", "A third.")]
        first, *rest = evaluate.score_each(scorer, [ITEM] * 3, replies, lambda _: None)
    assert set(first.values) == set(METRICS)
    assert rest == [Scores({}, dict.fromkeys(METRICS, "the run was interrupted"))] * 2


def test_a_judge_without_a_model_is_a_user_error(judge: LocalJudge) -> None:
    with pytest.raises(UserError, match="MILLRACE_JUDGE__MODEL"):
        Scorer(Settings(judge={"url": "http://127.0.0.1:1/v1"}), judge)
