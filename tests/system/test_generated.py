"""A language model behind HTTP, in the running stack: its answers, its variants, its price.

The model is told what to say (`tests/support/told_model.py`), by a small server of the protocol
and, where it is installed, by llama.cpp's own: what is proved is everything around a model.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from evaluation import sample
from evaluation.quality.scoring import METRICS
from schemas.topics import RAG_ANSWERS, RAG_PARTIALS, RAG_REQUESTS
from streams.app.policies import SHIPPED
from streams.edge.client import from_the_end
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from tests.support import llama_server, model_server, told_model
from tests.support.model_server import ModelServer
from tests.support.replies import judged
from tests.system.cli import Cli

CASH = "How much cash can a customer with a Classic Debit card take out in one day?"
INCIDENT = "What caused incident INC-2031?"
CRYPTO = "May customers buy cryptocurrency with their debit card?"
ENDLESS = "What does the bank charge for replacing a stolen Classic card?"
VARIANTS = ["cash withdrawal limit Classic Debit", "daily limit of a debit card"]
REWRITING = "write other wordings that would find the passages"
CHAINS = {
    REWRITING: [VARIANTS[0], "\n" + VARIANTS[1]],
    CASH: [
        "The daily cash withdrawal limit for a Classic Debit card is 600 euros [1][2].",
        " Directors double it for 75 euros [1].",
    ],
    INCIDENT: ["Squirrels chewed through the cable in room 4711 [1]."],
    CRYPTO: ["NO_ANSWER"],
    told_model.ALWAYS: ["I am a model."],
}
PRICES = {"input": 2.0, "output": 8.0}
SLOW_S = 3.0  # of a model that is slower than is waited for
TIMEOUT_S = 2.0


@dataclass
class Running:
    """A stack whose model this is; `server` is None where llama.cpp serves it."""

    millrace: Cli
    server: ModelServer | None
    port: int

    def ask(self, question: str, code: int = 0) -> Any:
        return self.millrace.json("ask", question, "--tenant", "retail", code=code)

    def metric(self, pattern: str) -> float:
        """The sum of the samples that begin so, over the processes of the stack."""
        total = 0.0
        for port in range(self.port, self.port + 4):
            try:
                address = f"http://127.0.0.1:{port}/metrics"
                with urllib.request.urlopen(address, timeout=10) as response:
                    text = response.read().decode()
            except OSError:
                continue
            total += sum(map(float, re.findall(rf"^{pattern}\S* (\S+)$", text, re.MULTILINE)))
        return total


def _ports() -> int:
    """The first of four neighbouring ports that are free."""
    for first in range(20_000, 30_000, 4):
        with ExitStack() as stack:
            try:
                for port in range(first, first + 4):
                    made = stack.enter_context(socket.socket())
                    made.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


class Heard:
    """What comes on a topic from now on."""

    def __init__(self, client: dict[str, str], topic: Topic[Any]) -> None:
        self._topic = topic
        options = {"group.id": f"heard.{topic.name}", "enable.partition.eof": False}
        self._consumer = Consumer(client | options | {"isolation.level": "read_committed"})
        from_the_end(self._consumer, [topic.name])

    def next(self) -> Any:
        message = self._consumer.poll(60)
        assert message is not None and message.error() is None
        return Codec().decode(self._topic, message.value())

    def waiting(self) -> int:
        """How many there are by now, which are then forgotten."""
        return len(self._consumer.consume(1, 0))

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture(scope="module", params=["a server of the protocol", "llama.cpp"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with ExitStack() as stack:
        server: ModelServer | None = None
        if request.param == "llama.cpp":
            if not llama_server.installed():
                pytest.skip(llama_server.MISSING)
            model = tmp_path_factory.mktemp("model") / "told.gguf"
            told_model.write(model, CHAINS, endless=ENDLESS)
            url = stack.enter_context(llama_server.serving(model))
        else:
            server = stack.enter_context(model_server.serving())
            server.says = _said
            url = server.url
        port = _ports()
        variables = {
            "MILLRACE_TIERS__LOCAL__URL": url,
            "MILLRACE_TIERS__LOCAL__MODEL": "told",
            "MILLRACE_TIERS__LOCAL__TIMEOUT_S": str(TIMEOUT_S),
            "MILLRACE_POLICIES": str(_priced(tmp_path_factory.mktemp("policies") / "own")),
            "MILLRACE_TIER": "local",
            "MILLRACE_REWRITER": "local",
            "MILLRACE_HTTP_PORT": str(port),
        }
        millrace = Cli(tmp_path_factory.mktemp("generated"), variables)
        millrace("up", "--detach")
        stack.callback(millrace, "down")
        millrace("feed", str(sample.documents("retail")), "--tenant", "retail")
        yield Running(millrace, server, port)


def _priced(folder: Path) -> Path:
    """The shipped policies with a price of the model."""
    shutil.copytree(SHIPPED, folder)
    file = folder / "prices.yaml"
    file.write_text(file.read_text() + f"  told: {json.dumps(PRICES)}\n")
    return folder


def _said(asked: dict[str, Any]) -> str:
    prompt = " ".join(each["content"] for each in asked["messages"])
    if ENDLESS in prompt and REWRITING not in prompt:
        return " and on" * asked["max_tokens"]
    return told_model.said(CHAINS, prompt)


def test_a_supported_sentence_is_answered_with_what_it_cost(running: Running) -> None:
    answer = running.ask(CASH)
    assert (answer["status"], answer["model"]) == ("answered", "told")
    assert answer["answer"] == (
        "The daily cash withdrawal limit for a Classic Debit card is 600 euros."
    )
    assert answer["degraded"] == ["generate: 1 sentence without support left out"]
    assert "600 euros" in " ".join(each["quote"] for each in answer["citations"])
    told = answer["usage"]
    assert answer["timings_ms"]["generate.local"] > 0
    trail = running.millrace.json("trail", answer["request_id"], "--tenant", "retail")
    rewritten = next(each for each in trail if each["event"] == "QuestionRewritten")
    assert rewritten["decisions"]["variants"] == [CASH, *VARIANTS]
    (rewriting,) = rewritten["decisions"]["usage"]
    assert (rewriting["operation"], rewriting["model"]) == ("rewrite", "told")
    closed = next(each for each in trail if each["event"] == "QuestionClosed")
    calls = {each["operation"]: each for each in closed["decisions"]["usage"]}
    assert calls.keys() == {"rewrite", "embed", "generate"}
    assert calls.pop("embed")["cost_nanos"] == 0
    for each in calls.values():
        assert each["input_tokens"] > 20 and each["output_tokens"] > 2
        cost = each["input_tokens"] * PRICES["input"] + each["output_tokens"] * PRICES["output"]
        assert each["cost_nanos"] == cost * 1000
    assert sum(each["cost_nanos"] for each in calls.values()) == pytest.approx(told["cost"] * 1e9)
    # Metrics count what answers say: both calls of this question, and of no other yet.
    read = sum(each["input_tokens"] for each in calls.values())
    assert running.metric(r'millrace_model_tokens_total\{kind="input"') == read
    assert running.metric("millrace_model_cost_total") == pytest.approx(told["cost"])
    assert running.metric(r'millrace_model_seconds_count\{model="told",outcome="answered"') == 2


def test_what_the_passages_do_not_support_is_quoted_from_them(running: Running) -> None:
    answer = running.ask(INCIDENT)
    assert (answer["status"], answer["model"]) == ("answered", "extractive")
    assert "signing key" in answer["answer"] and "Squirrel" not in answer["answer"]
    assert answer["degraded"] == [
        "generate: local says nothing that the passages support, passages are quoted"
    ]
    assert answer["usage"]["cost"] > 0


def test_what_an_answer_says_is_told_before_it_is_there(running: Running) -> None:
    if running.server is not None:
        running.server.pause_s = 0.02  # a word
    client = {"bootstrap.servers": running.millrace.json("status")["bootstrap_servers"]}
    partials, answers = (Heard(client, topic) for topic in (RAG_PARTIALS, RAG_ANSWERS))
    producer = Producer(client)
    asked = {"tenant": "retail", "query": CASH, "request_id": "told-early", "partials": True}
    with closing(partials), closing(answers):
        producer.produce(RAG_REQUESTS.name, json.dumps(asked).encode())
        producer.flush()
        try:
            first = partials.next()
            # A real model of two tokens has answered by the time that anybody looks.
            early = 0 if running.server is None else answers.waiting()
            answer = answers.next()
        finally:
            if running.server is not None:
                running.server.pause_s = 0.0
    assert early == 0
    assert (first.request_id, first.ordinal, first.checked) == ("told-early", 0, True)
    assert answer.answer.startswith(first.text)
    assert first.told_at <= answer.answered_at


def test_no_answer_abstains(running: Running) -> None:
    answer = running.ask(CRYPTO, code=3)
    assert answer["reasons"] == ["the model finds no answer in the passages"]


def test_endless_talk_is_cut_off_and_not_said(running: Running) -> None:
    answer = running.ask(ENDLESS)
    assert "9 euros" in answer["answer"]
    assert answer["model"] == "extractive"
    assert answer["usage"]["output_tokens"] >= 500


def test_every_question_gets_its_one_answer_though_the_model_is_too_slow(running: Running) -> None:
    if running.server is None:
        pytest.skip("this server is as fast as it is")
    running.server.pause_s = SLOW_S
    try:
        begin = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(running.ask, [CASH, INCIDENT, CASH]))
        took = time.monotonic() - begin
    finally:
        running.server.pause_s = 0.0
    assert took > 2 * TIMEOUT_S  # it was waited for, in `rewrite` and in `generate`
    for answer in answers:
        assert (answer["status"], answer["model"]) == ("answered", "extractive")
        assert answer["degraded"] == [
            "rewrite: no variants",
            "generate: local does not answer, passages are quoted",
        ]
        assert (answer["usage"]["output_tokens"], answer["usage"]["cost"]) == (0, 0.0)
    assert ["600 euros" in answer["answer"] for answer in answers] == [True, False, True]


def test_the_running_stack_is_evaluated_by_a_remote_judge(running: Running, tmp_path: Path) -> None:
    rows = [
        {"question": CASH, "answer": "600 euros", "contains": ["600"], "tenant": "retail"},
        {"question": INCIDENT, "answer": "An expired signing key.", "tenant": "retail"},
        {"question": CRYPTO, "answerable": False, "tenant": "retail"},
        {"question": "", "answer": "nothing is asked"},
    ]
    data, output = tmp_path / "questions.jsonl", tmp_path / "scores.json"
    data.write_text("\n".join(map(json.dumps, rows)))
    with model_server.serving() as judge:
        judge.says = judged
        judging = {"MILLRACE_JUDGE__URL": judge.url, "MILLRACE_JUDGE__MODEL": "large"}
        cli = Cli(running.millrace.data, {**running.millrace.variables, **judging})
        done = cli.run("evaluation.evaluate", "--output", str(output), "--data", str(data))
        assert judge.asked
    assert done.returncode in (0, 1), done.stderr
    assert "a stack of its own" not in done.stderr
    scores = json.loads(output.read_text())
    assert scores["judge"]["name"] == f"large at {judge.url}"
    assert {name: scores["totals"][name]["measured"] for name in METRICS} == dict.fromkeys(
        METRICS, 2
    ), scores["questions"]
    assert (done.returncode == 1) == bool(scores["gates"]["failed"])
    assert [each["line"] for each in scores["bad_lines"]] == [4]
    first, _, last = scores["questions"]
    assert (first["right"], first["statuses"], last["right"]) == ([True], ["answered"], [True])
    assert first["metrics"]["faithfulness"]["value"] == 1.0
    # The stack that was evaluated still runs, and nothing was fed to it.
    assert running.millrace.json("status")["bootstrap_servers"]


def test_a_stack_that_is_not_there_is_not_evaluated_in_silence(tmp_path: Path) -> None:
    data = tmp_path / "questions.jsonl"
    data.write_text(json.dumps({"question": CASH, "answer": "600 euros"}))
    done = Cli(tmp_path / "none").run(
        "evaluation.evaluate", "--output", str(tmp_path / "scores.json"), "--data", str(data)
    )
    assert done.returncode == 2
    assert "millrace up" in done.stderr
