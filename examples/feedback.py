"""Feedback for evaluation: python feedback.py BROKER prints a JSON line for each that was joined.

Each line has the question as it was asked, what was found, what was answered and what the person
thought of it: what an evaluation set is made of. Every feedback comes exactly once, however late.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from confluent_kafka import Consumer

from schemas.events import FeedbackJoined
from schemas.topics import RAG_FEEDBACK_JOINED
from streams.runtime.codec import Codec

QUIET_S = 10.0  # without a record, and we are done


def joined(broker: str) -> Iterator[FeedbackJoined]:
    """All there is, oldest first; the group's offsets remember how far we were."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": "evaluation",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([RAG_FEEDBACK_JOINED.name])
    codec = Codec()
    while (message := consumer.poll(QUIET_S)) is not None:
        if message.error() is None:
            yield codec.decode(RAG_FEEDBACK_JOINED, message.value())
    consumer.close()


if __name__ == "__main__":
    for each in joined(sys.argv[1]):
        row = {
            "question": each.closed.carried.question.query,
            "retrieved_contexts": [passage.text for passage in each.closed.passages],
            "response": each.closed.answer.answer,
            "rating": each.feedback.rating,
            "reference": each.feedback.correct_answer,
        }
        print(json.dumps(row, ensure_ascii=False), flush=True)
