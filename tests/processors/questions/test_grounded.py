"""Answers that a model writes: what it cannot show from the passages is not said."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from processors.models import Completion
from processors.questions.generate import AnswerConfig, generate
from processors.questions.grounded import EXTRACTIVE, GroundedConfig, Next, grounded
from schemas.events import (
    Candidate,
    GenerationRequested,
    ModelUsage,
    PartialAnswer,
    QuestionAnswered,
    QuestionClosed,
    Usage,
)
from streams.app import tiering
from streams.app.ports import TiersSettings
from streams.app.settings import Settings
from streams.flow.errors import Retry
from tests.processors.questions.test_generate import candidate
from tests.support.prices import PRICES
from tests.support.question_events import carried, question

FEES = candidate(
    "A transfer abroad costs 12 euros. It takes two days.", {"12 euros": 0.8}, doc_id="fees.md"
)
REWRITING = ModelUsage(
    operation="rewrite", model="m", input_tokens=30, output_tokens=10, cost_nanos=500_000
)
UNSUPPORTED = "generate: local says nothing that the passages support, passages are quoted"
LIMITS = candidate("The daily limit of a Gold card is 900 euros.", doc_id="limits.md")


@dataclass
class Model:
    """Says what it is told to say, and keeps what it was asked."""

    says: str | Retry
    asked: list[tuple[str, str]] = field(default_factory=list)
    model: str = "told"

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Completion:
        self.asked.append((instructions, text))
        if isinstance(self.says, Retry):
            raise self.says
        if told is not None:
            for piece in re.findall(r"\s*\S+", self.says):
                told(piece)
        return Completion(self.says, 100, 20)


TIER = {"url": "http://127.0.0.1:9", "model": "m"}


def asking(**more: object) -> GroundedConfig:
    settings = Settings(tiers={"local": TIER})
    config = tiering.grounding(settings.of(TiersSettings).all["local"], settings)
    return replace(config, prices=PRICES, **more)  # type: ignore[arg-type]


def requested(*more: Candidate, **known: object) -> GenerationRequested:
    asked = replace(question("What does a transfer abroad cost?"), **known)  # type: ignore[arg-type]
    return GenerationRequested(
        carried=carried(asked, usage=[REWRITING]),
        candidates=[FEES, LIMITS, *more],
        tier="local",
        model="m",
    )


def passed_on(says: str | Retry, **more: object) -> GenerationRequested:
    """The question for another tier."""
    (event,) = grounded(requested(), generator=Model(says), config=asking(**more), now=lambda: 7)
    assert isinstance(event, GenerationRequested)
    return event


def answer(says: str | Retry, *more: Candidate) -> tuple[QuestionAnswered, Model]:
    """What becomes of a question, at last in the tier that quotes."""
    model = Model(says)
    made, *closed = grounded(requested(*more), generator=model, config=asking(), now=lambda: 7)
    if isinstance(made, GenerationRequested):
        assert (made.tier, made.model, made.tried) == (EXTRACTIVE, EXTRACTIVE, ["local"])
        made, *closed = generate(made, config=AnswerConfig(), now=lambda: 7)
    assert isinstance(made, QuestionAnswered)
    (ended,) = closed
    assert isinstance(ended, QuestionClosed)
    assert ended.answer == made
    assert ended.carried.usage[0] == REWRITING
    assert [each.operation for each in ended.carried.usage[1:]] in ([], ["generate"])
    return made, model


def test_a_supported_sentence_is_said_and_cited_exactly() -> None:
    made, model = answer("A transfer abroad costs 12 euros [1].")
    assert (made.status, made.answer) == ("answered", "A transfer abroad costs 12 euros.")
    (citation,) = made.citations
    assert citation.doc_id == "fees.md"
    assert citation.quote == FEES.text[citation.start : citation.end]
    assert "12 euros" in citation.quote
    # And what rewriting used before: 30 and 10 tokens.
    assert made.usage == Usage(input_tokens=130, output_tokens=30, cost=0.0009)
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
    assert (alone.status, alone.model, alone.degraded) == ("answered", EXTRACTIVE, [UNSUPPORTED])
    assert alone.answer == "A transfer abroad costs 12 euros."  # the passage's own words
    assert alone.usage.output_tokens == 30  # the model was paid all the same
    beside, _ = answer(f"It takes two days [1]. {unsupported}")
    assert (beside.status, beside.answer) == ("answered", "It takes two days.")
    assert beside.degraded == ["generate: 1 sentence without support left out"]


POLICY = candidate(
    "Contractors may work remotely but must not take devices abroad. "
    "Remote work requires approval by a manager. "
    "The fee is 12 euros in January and 15 euros in July. The Gold card costs 1,000 euros a year "
    "and the Blue card costs 20 euros. A firm must not outsource or delegate the audit. "
    "It took effect on 12 May 2024. At least 5 people attend.",
    doc_id="policy.md",
)


def _is_said(sentence: str) -> bool:
    made, _ = answer(f"A transfer abroad costs 12 euros [1]. {sentence} [3].", POLICY)
    return made.answer == f"A transfer abroad costs 12 euros. {sentence}."


@pytest.mark.parametrize(
    "wrong",
    [
        "Contractors may not work remotely",
        "Contractors must work remotely",
        "Contractors may take devices abroad",
        "A firm must outsource the audit",
        "A firm may delegate the audit",
        "Remote work never requires approval by a manager",
        "Remote work is possible without approval by a manager",
        "No approval by a manager is required for remote work",
        "Remote work requires approval by a manager and a director",
        "Remote work requires approval by a manager of Zorblax",
        "The fee is 15 euros in January and 12 euros in July",
        "The fee is 15 euros in January",
        "The fee is twenty euros in January and thirty in July",
        "The Blue card costs 1,000 euros",
        "The Gold card costs 20 euros a year",
        "It took effect on 13 May 2024",
        "It took effect on 12 May 2023",
        "At most 5 people attend",
    ],
)
def test_a_sentence_that_says_otherwise_than_its_passage_is_left_out(wrong: str) -> None:
    assert not _is_said(wrong)


@pytest.mark.parametrize(
    "right",
    [
        "Yes, contractors may work remotely",
        "Contractors must not take devices abroad",
        "Contractors are not allowed to take devices abroad",
        "A firm may not delegate the audit",
        "Approval by a manager is required for remote work",
        "In July the fee is 15 euros",
        "The fee is twelve euros in January",
        "The Gold card costs 1000 euros a year",
        "The Blue card costs 20 euros",
        "It took effect on 2024-05-12",
        "It took effect on May 12, 2024",
        "It took effect in May 2024",
        "No fewer than five people attend",
    ],
)
def test_what_a_passage_says_in_other_words_or_digits_is_said(right: str) -> None:
    assert _is_said(right)


def test_a_number_may_stand_in_a_heading_above() -> None:
    table = candidate("# Fees of 2024\n\n| Card | Fee |\n|---|---|\n| Gold | 90 |", doc_id="t.md")
    made, _ = answer("In 2024 the fee of the Gold card is 90 [3].", table)
    assert made.answer == "In 2024 the fee of the Gold card is 90."


def test_no_answer_abstains() -> None:
    made, _ = answer("NO_ANSWER")
    assert (made.status, made.reasons) == (
        "abstained",
        ["the model finds no answer in the passages"],
    )


def test_a_model_that_does_not_answer_leaves_quotes() -> None:
    made, _ = answer(Retry("timed out"))
    assert (made.status, made.model, made.degraded) == (
        "answered",
        EXTRACTIVE,
        ["generate: local does not answer, passages are quoted"],
    )
    assert made.usage.cost == 0.0005
    assert made.answer == "A transfer abroad costs 12 euros."


def test_another_tier_answers_where_one_cannot() -> None:
    after = passed_on(Retry("timed out"), fallback=Next("small", "s"))
    assert (after.tier, after.model, after.tried) == ("small", "s", ["local"])
    assert after.carried.degraded == ["generate: local does not answer, small is asked"]
    again = passed_on("", fallback=Next("small", "s"))
    assert again.carried.degraded == ["generate: local says nothing, small is asked"]
    assert again.carried.usage[-1].tier == "local"  # it was paid for


def test_a_tier_that_tried_it_is_not_asked_again() -> None:
    event = replace(requested(), tried=["small"])
    model = Model(Retry("timed out"))
    (after,) = grounded(
        event, generator=model, config=asking(fallback=Next("small", "s")), now=lambda: 7
    )
    assert isinstance(after, GenerationRequested)
    assert (after.tier, after.tried) == (EXTRACTIVE, ["small", "local"])


def test_what_is_not_borne_out_whole_goes_to_a_better_tier() -> None:
    said = "A transfer abroad costs 12 euros [1]. Squirrels eat cables [1]."
    after = passed_on(said, escalate=Next("premium", "p"))
    assert (after.tier, after.model, after.carried.degraded) == ("premium", "p", [])
    assert after.carried.decisions[-1] == (
        "generate: local has 1 sentence without support left out, premium is asked"
    )
    assert passed_on("NO_ANSWER", escalate=Next("premium", "p")).tier == "premium"


@dataclass
class Told:
    """Hears what is told on the way."""

    events: list[PartialAnswer] = field(default_factory=list[PartialAnswer])

    def tell(self, event: PartialAnswer) -> None:
        self.events.append(event)


SAID = "A transfer abroad costs 12 euros. [1] Squirrels eat cables [1]. It takes two days [1]. So."


def told(said: str, *, wanted: bool = True, **more: object) -> list[PartialAnswer]:
    hearing = Told()
    [*_] = grounded(
        requested(partials=wanted),
        generator=Model(said),
        config=asking(**more),
        now=lambda: 7,
        partials=hearing,
    )
    return hearing.events


def test_sentences_that_the_passages_bear_out_are_told_as_they_are_written() -> None:
    heard = told(SAID)
    assert "".join(each.text for each in heard) == (
        "A transfer abroad costs 12 euros. It takes two days."
    )
    assert [(each.ordinal, each.checked, each.tier) for each in heard] == [
        (0, True, "local"),
        (1, True, "local"),
    ]


def test_tokens_are_told_as_they_come_where_a_tier_is_set_so() -> None:
    heard = told(SAID, whole_sentences=False)
    assert "".join(each.text for each in heard) == SAID
    assert not any(each.checked for each in heard)


def test_who_does_not_ask_is_told_nothing() -> None:
    assert told(SAID, wanted=False) == []


@pytest.mark.parametrize(
    ("passage", "sentence"),
    [
        (
            "Die Gebühr für eine Überweisung ins Ausland beträgt 12 Euro.",
            "Die Gebühr für Überweisungen ins Ausland beträgt 12 Euro",
        ),
        ("Der Vertrag endet am 31. Dezember 2024.", "Der Vertrag endet am 31. Dezember 2024"),
        ("The limit is 900 euros.", "As stated in the Policy, the limit is 900 euros"),
        ("The limit is 900 euros.", "According to the documents, the limit is 900 euros"),
        ("The warranty lasts a year for cars.", "The warranty lasts one year for cars"),
        ("The ISO-27001 certificate is valid.", "The ISO 27001 certificate is valid"),
        ("The ISO 27001 certificate is valid.", "The ISO-27001 certificate is valid"),
        ("Article 5 (1)(a) applies to data.", "Article 5(1) applies to data"),
        ("The shop is open from 9 am to 5 pm.", "The shop is open 9am-5pm"),
        ("Storage is limited to 5 GB.", "Storage is limited to 5GB"),
        ("Pay within 5 days of the notice.", "Pay within 5 (five) days of the notice"),
    ],
)
def test_what_is_spelled_in_another_way_is_said(passage: str, sentence: str) -> None:
    made, _ = answer(f"{sentence} [3].", candidate(passage, doc_id="more.md"))
    assert made.answer == f"{sentence}."


@pytest.mark.parametrize(
    ("passage", "sentence"),
    [
        ("Article 5(1) applies to data.", "Article 5(3) applies to data"),
        ("Data are kept under section 12(4)(b).", "Data are kept under section 12(5)(b)"),
        ("Data are kept under section 12(4)(b).", "Data are kept under section 12(4)(c)"),
        ("Rule 8.2.1(1) applies to firms.", "Rule 8.2.1(2) applies to firms"),
        ("Revenue was $3.2M in 2023.", "Revenue was $3.7M in 2023"),
        ("The odds are 3:1 for cars.", "The odds are 4:1 for cars"),
        ("Revenue was 3.2M in 2023.", "Revenue was 3.2K in 2023"),
        ("The warranty lasts two years for cars.", "The warranty lasts one year for cars"),
        ("The ISO-27001 certificate is valid.", "The ISO 27002 certificate is valid"),
        ("The audit is led by staff.", "The audit is led by the staff of Zorblax"),
    ],
)
def test_another_paragraph_decimal_or_name_is_not_said(passage: str, sentence: str) -> None:
    made, _ = answer(f"{sentence} [3].", candidate(passage, doc_id="more.md"))
    assert sentence not in made.answer


@pytest.mark.parametrize("unit", [" ", "[1 ", "and 5 and 6 ", "\n|"])
def test_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        taken: list[float] = []
        for more in range(3):  # a text of its own each time: what was read is kept
            text = f"a{more} {unit * (size // len(unit))} days"
            started = time.process_time()
            answer(f"It takes {text} [3].", candidate(f"It took {text}.", doc_id="long.md"))
            taken.append(time.process_time() - started)
        return min(taken)

    # Quadratic time would be 16 times as much; the constant absorbs noise of small times.
    assert seconds(16_000) < 9 * (seconds(4_000) + 0.01)
