"""Replies of the pipeline as a judge gets them, and a judge that knows ragas' questions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.judge import LocalJudge
from evaluation.quality.scoring import Scorer, Scores
from schemas.events import Candidate, Citation, QuestionAnswered, Usage, Versions
from streams.app.settings import Settings

TEXT = "A Classic Debit card can withdraw 600 euros a day. A lost card is blocked at once."
ITEM = Item("q1", "How much can a Classic Debit card withdraw a day?", reference="600 euros a day.")


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
