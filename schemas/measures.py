"""What metrics show of events: how questions ended, what they cost, how fresh the index is."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events import DocumentIndexed, FeedbackJoined, QuestionClosed
from schemas.money import NANOS
from streams.flow.measure import Measured, Meter

# Objectives (`policies/objectives.yaml`) are among these: a histogram knows no time between two.
SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

ANSWERS = Meter("millrace_answers", "Questions that ended.", ("status",))
ANSWER_SECONDS = Meter(
    "millrace_answer_seconds",
    "From a question's record to its answer, or abstention.",
    buckets=SECONDS,
)
CACHED = Meter("millrace_answers_cached", "Answers that were given again.", ("how",))
DEGRADED = Meter("millrace_degraded", "Fallbacks that questions took.", ("at",))
TOKENS = Meter("millrace_tokens", "What models read and wrote.", ("operation", "model", "kind"))
COST = Meter("millrace_cost", "By the price list, in its currency.", ("operation", "model"))
FEEDBACK = Meter("millrace_feedback", "What people thought of answers.", ("rating",))
FRESHNESS_SECONDS = Meter(
    "millrace_freshness_seconds",
    "From a change's feed record to when it could be searched, or no longer.",
    ("op", "lane"),
    buckets=SECONDS,
)
METERS = (ANSWERS, ANSWER_SECONDS, CACHED, DEGRADED, TOKENS, COST, FEEDBACK, FRESHNESS_SECONDS)
TIMELY = frozenset({"answered", "abstained"})


def of_closed(event: QuestionClosed) -> Iterator[Measured]:
    """How a question ended, how long it took, and what it cost."""
    tenant, status = event.answer.tenant, event.answer.status
    yield Measured(ANSWERS, tenant, (status,), names=status in TIMELY)
    if status in TIMELY:
        seconds = max(0, event.closed_at - event.carried.question.asked_at) / 1000
        yield Measured(ANSWER_SECONDS, tenant, value=seconds)
    if event.answer.cached:
        yield Measured(CACHED, tenant, (event.answer.cached,))
    for said in event.answer.degraded:
        yield Measured(DEGRADED, tenant, (said.partition(":")[0],), names=False)
    for used in event.carried.usage:
        what = (used.operation, used.model)
        yield Measured(TOKENS, tenant, (*what, "input"), used.input_tokens)
        yield Measured(TOKENS, tenant, (*what, "output"), used.output_tokens)
        if used.cost_nanos is not None:
            yield Measured(COST, tenant, what, used.cost_nanos / NANOS)


def of_indexed(event: DocumentIndexed) -> Iterator[Measured]:
    """How long a version took to be searchable, or to be gone; what was superseded took none."""
    document = event.document
    if event.superseded or not event.last:
        return
    lane = "bulk" if document.bulk or document.generation else "live"
    seconds = max(0, event.indexed_at - document.fed_at) / 1000
    yield Measured(FRESHNESS_SECONDS, document.tenant, (document.op, lane), seconds)


def of_feedback(event: FeedbackJoined) -> Iterator[Measured]:
    """What somebody thought of an answer."""
    rating = max(-1, min(1, event.feedback.rating))
    yield Measured(FEEDBACK, event.feedback.tenant, (str(rating),))
