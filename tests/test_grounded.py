"""Answers that a model writes: what it cannot show from the passages is not said."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from processors.generate import AnswerConfig
from processors.grounded import DEGRADED, QUOTING, UNSUPPORTED, GroundedConfig, grounded
from processors.ports import Completion
from schemas.errors import Retry, UserError
from schemas.events import GenerationRequested, QuestionAnswered, Usage
from streams import wiring
from streams.settings import Settings, load
from tests.test_generate import VERSIONS, candidate
from tests.test_retrieve import question

FEES = candidate(
    "A transfer abroad costs 12 euros. It takes two days.", {"12 euros": 0.8}, doc_id="fees.md"
)
LIMITS = candidate("The daily limit of a Gold card is 900 euros.", doc_id="limits.md")


@dataclass
class Model:
    """Says what it is told to say, and keeps what it was asked."""

    says: str | Retry
    asked: list[tuple[str, str]] = field(default_factory=list)
    model: str = "told"

    def complete(self, instructions: str, text: str, *, most_tokens: int) -> Completion:
        self.asked.append((instructions, text))
        if isinstance(self.says, Retry):
            raise self.says
        return Completion(self.says, 100, 20)


def answer(says: str | Retry) -> tuple[QuestionAnswered, Model]:
    model = Model(says)
    config = wiring.grounding(
        Settings(
            generated_answers=True,
            generation_url="http://127.0.0.1:9",
            generation_model="m",
            generation_input_price=2.0,
            generation_output_price=10.0,
        )
    )
    assert isinstance(config, GroundedConfig)
    event = GenerationRequested(
        question=question("What does a transfer abroad cost?"),
        variants=["What does a transfer abroad cost?"],
        candidates=[FEES, LIMITS],
        embedding_model="m",
        index="i",
        tier="local",
        model="m",
        degraded=[],
        timings_ms={},
        usage=Usage(input_tokens=30, output_tokens=10, cost=0.0005),
    )
    (made,) = grounded(
        event,
        generator=model,
        config=config,
        quoting=AnswerConfig(),
        versions=VERSIONS,
        now=lambda: 7,
    )
    return made, model


def test_a_supported_sentence_is_said_and_cited_exactly() -> None:
    made, model = answer("A transfer abroad costs 12 euros [1].")
    assert (made.status, made.answer) == ("answered", "A transfer abroad costs 12 euros.")
    (citation,) = made.citations
    assert citation.doc_id == "fees.md"
    assert citation.quote == FEES.text[citation.start : citation.end]
    assert "12 euros" in citation.quote
    # And what rewriting used before: 30 and 10 tokens.
    assert made.usage == Usage(input_tokens=130, output_tokens=30, cost=0.0005 + 0.0004)
    (_, asked), *_ = model.asked
    assert "What does a transfer abroad cost?" in asked
    assert f"[1] \n{FEES.text}" in asked and LIMITS.text in asked


@pytest.mark.parametrize(
    "unsupported",
    [
        "A transfer abroad costs 15 euros [1].",  # another number
        "A transfer abroad costs 12 euros [2].",  # of another passage
        "A transfer abroad costs 12 euros.",  # of none
        "A transfer abroad costs 12 euros [9].",  # of one that is not there
        "Cryptocurrency wallets need approval of directors [1].",  # of nothing
    ],
)
def test_a_sentence_without_support_is_left_out(unsupported: str) -> None:
    alone, _ = answer(unsupported)
    assert (alone.status, alone.model, alone.degraded) == ("answered", QUOTING, [UNSUPPORTED])
    assert alone.answer == "A transfer abroad costs 12 euros."  # the passage's own words
    assert alone.usage.output_tokens == 30  # the model was paid all the same
    beside, _ = answer(f"It takes two days [1]. {unsupported}")
    assert (beside.status, beside.answer) == ("answered", "It takes two days.")
    assert beside.degraded == ["generate: 1 sentence without support left out"]


def test_no_answer_abstains() -> None:
    made, _ = answer("NO_ANSWER")
    assert (made.status, made.reasons) == (
        "abstained",
        ["the model finds no answer in the passages"],
    )


def test_a_model_that_does_not_answer_leaves_quotes() -> None:
    made, _ = answer(Retry("timed out"))
    assert (made.status, made.model, made.degraded) == ("answered", QUOTING, [DEGRADED])
    assert made.usage.cost == 0.0005
    assert made.answer == "A transfer abroad costs 12 euros."


def test_answers_by_a_model_need_a_model() -> None:
    with pytest.raises(UserError, match="set MILLRACE_GENERATION_URL"):
        load({"generated_answers": True})
    with pytest.raises(UserError, match="name MILLRACE_GENERATION_MODEL"):
        load({"generated_answers": True, "generation_url": "http://127.0.0.1:9"})
