"""`greet`: a word of thanks for each answer. An example of a new stage with a new event.

Copy this file to `processors/questions/` and `QuestionGreeted.avsc` to `schemas/avro/`, then

- run `python -m schemas.codegen`,
- add a line to `schemas/topics.py`:
  `RAG_GREETED = Topic("rag.greeted", QuestionGreeted, lambda event: event.request_id)`
- add a line to the table of `streams/app/topology.py`: `greet.stage(),`

Its topic, consumer group, process, lag and place in the picture follow from the declaration below.
"""

from __future__ import annotations

from collections.abc import Iterator

from processors.places import QUESTIONS
from schemas import topics
from schemas.events import QuestionAnswered, QuestionGreeted
from streams.flow.stage import Stage, record_stage


def greet(event: QuestionAnswered) -> Iterator[QuestionGreeted]:
    """A greeting for whoever got an answer."""
    if event.status == "answered":
        yield QuestionGreeted(request_id=event.request_id, greeting="You are welcome.")


def stage() -> Stage:
    """`greet` in the topology."""
    return record_stage(
        "greet",
        reads=topics.RAG_ANSWERS,
        make=lambda _: greet,
        writes=topics.RAG_GREETED,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
    )
