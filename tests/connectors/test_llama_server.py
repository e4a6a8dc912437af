"""llama.cpp's own server behind the connector and the judge: a wire that nobody here has made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.generator import OpenAICompatible
from evaluation.quality.judge import LocalJudge, load
from evaluation.quality.scoring import METRICS, Scorer
from streams.app.settings import Settings
from streams.flow.caching import kept
from streams.flow.errors import Retry
from tests.support import llama_server, told_model
from tests.support.replies import ITEM, TEXT, reply

ENDLESS = "Tell me everything."
SAID = "A card can withdraw 600 euros a day."
VERDICT = {"statement": SAID, "reason": "it says so"}
CHAINS = {
    "StatementGeneratorOutput": [json.dumps({"statements": [SAID]})],
    "NLIStatementOutput": [json.dumps({"statements": [VERDICT | {"verdict": 1}]})],
    "AnswerRelevanceOutput": [json.dumps({"question": ITEM.question, "noncommittal": 0})],
    "ContextRecallOutput": [json.dumps({"classifications": [VERDICT | {"attributed": 1}]})],
    "ContextPrecisionOutput": [json.dumps({"reason": "it helps", "verdict": 1})],
    "Passages": ["A card can", " withdraw", " 600 euros", " a day [1]."],
    told_model.ALWAYS: ["Good day."],
}

pytestmark = pytest.mark.skipif(not llama_server.installed(), reason=llama_server.MISSING)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = tmp_path_factory.mktemp("model") / "told.gguf"
    told_model.write(model, CHAINS, endless=ENDLESS)
    with llama_server.serving(model) as found:
        yield found


@pytest.fixture
def model(url: str) -> Iterator[OpenAICompatible]:
    made = OpenAICompatible(Endpoint(url, timeout_s=60.0), "told")
    yield made
    made.close()


def test_a_completion_has_its_text_and_the_tokens_that_the_server_counts(
    model: OpenAICompatible,
) -> None:
    made = model.complete("Answer.", "Passages", most_tokens=50)
    assert made.text == "A card can withdraw 600 euros a day [1]."
    assert made.output_tokens == 5  # four phrases and the end
    longer = model.complete("Answer.", "Passages" + "x" * 100, most_tokens=50)
    assert longer.input_tokens == made.input_tokens + 100  # a byte is a token of this model


def test_what_is_counted_in_a_stream_is_what_the_server_counts_without_one(
    url: str, model: OpenAICompatible
) -> None:
    heard: list[str] = []
    made = model.complete("Answer.", "Passages", most_tokens=50, told=heard.append)
    assert ("".join(heard), len(heard)) == (made.text, 4)
    messages = [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "Passages"},
    ]
    body = {"model": "told", "messages": messages, "max_tokens": 50, "temperature": 0}
    whole = httpx.post(f"{url}/chat/completions", json=body, timeout=60).json()["usage"]
    counted = (whole["prompt_tokens"], whole["completion_tokens"])
    assert (made.input_tokens, made.output_tokens) == counted


def test_what_is_longer_than_allowed_is_cut_off(model: OpenAICompatible) -> None:
    made = model.complete("", ENDLESS, most_tokens=7)
    assert (made.text, made.output_tokens) == (" and on" * 7, 7)


def test_a_slow_model_costs_its_time_out(url: str) -> None:
    hasty = OpenAICompatible(Endpoint(url, timeout_s=0.2), "told")
    with pytest.raises(Retry, match=r"does not answer|took more than"):
        hasty.complete("", ENDLESS, most_tokens=30_000)
    hasty.close()


def test_a_prompt_beyond_its_context_is_refused_with_the_reason(model: OpenAICompatible) -> None:
    with pytest.raises(Retry, match=r"says 400: .*context"):
        model.complete("", "x" * (llama_server.CONTEXT + 1), most_tokens=1)


# ragas leaves a file of its own open when it first asks a model.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_can_be_the_judge(url: str, tmp_path: Path) -> None:
    settings = Settings(judge={"url": url, "model": "told"})
    with (
        LocalJudge(kept("models", tmp_path), load(), streams=1) as local,
        Scorer(settings, local) as scorer,
    ):
        scores = scorer.score(ITEM, reply(SAID, TEXT))
    assert scores.unmeasured == {}
    assert scores.values == pytest.approx(dict.fromkeys(METRICS, 1.0))
