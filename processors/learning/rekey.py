"""`rekey`: feedback and closed questions, each under the request that it is about.

Questions close under their session, and a producer of feedback has its own idea of a key's
partition (Java's hash, no key at all). Written here, both stand in the same partition, and the
asker waits for none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from processors.exceeded import exceeded
from processors.places import LEARNING
from processors.questions.admit import TENANT
from processors.questions.carried import decided
from schemas import topics
from schemas.events import Candidate, FeedbackGiven, QuestionClosed
from streams.flow.errors import Reject
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import inputs, outputs

# Both go into one record, beside what else a question carries; a record holds a megabyte.
MOST_PASSAGES = 512 * 1024
MOST_SAID = 64 * 1024
RATINGS = (-1, 0, 1)
LONGEST_ID = 200


def rekey(event: QuestionClosed | FeedbackGiven) -> Iterable[QuestionClosed | FeedbackGiven]:
    """What the join needs of an event.

    Raises:
        Reject: this is no feedback on anything.
    """
    if isinstance(event, QuestionClosed):
        yield _lean(event)
        return
    if wrong := _wrong(event):
        raise Reject(wrong)
    yield event


def _wrong(event: FeedbackGiven) -> str:
    """What is wrong with feedback, in words for the one who sent it."""
    if not TENANT.fullmatch(event.tenant):
        return "tenant must be 1 to 64 letters, digits, '.', '_' or '-'"
    if not 0 < len(event.request_id) <= LONGEST_ID:
        return f"request_id has {len(event.request_id)} characters; it must have 1 to {LONGEST_ID}"
    if wrong := exceeded(event):
        return "; ".join(wrong)
    if event.rating not in RATINGS:
        return f"rating is {event.rating}; it must be -1, 0 or 1"
    said = _bytes(event.comment or "", event.correct_answer or "", *event.labels)
    if said > MOST_SAID:
        return f"comment, correct_answer and labels have {said:,} bytes; at most {MOST_SAID:,}"
    return ""


def _lean(event: QuestionClosed) -> QuestionClosed:
    """Without what only an answerer reads, and with as many passages as there is room for."""
    passages = [replace(each, sentences=[], sentence_scores=[]) for each in event.passages]
    kept = _fitting(passages)
    carried = event.carried
    if left := len(passages) - len(kept):
        carried = decided(carried, f"rekey: {left} passage(s) left out, for size")
    return replace(event, carried=carried, passages=kept)


def _fitting(passages: Sequence[Candidate]) -> list[Candidate]:
    room = MOST_PASSAGES
    kept: list[Candidate] = []
    for each in passages:
        room -= _bytes(each.text, each.title, each.heading, each.uri, each.doc_id)
        if room < 0:
            break
        kept.append(each)
    return kept


def _bytes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)


def stage() -> Stage:
    """`rekey` in the topology."""
    return record_stage(
        "rekey",
        reads=inputs(topics.RAG_CLOSED, topics.RAG_FEEDBACK),
        writes=outputs(topics.RAG_CLOSED_REQUESTS, topics.RAG_FEEDBACK_REQUESTS),
        make=lambda _: rekey,
        dead_letters=topics.RAG_DLQ,
        place=LEARNING,
    )
