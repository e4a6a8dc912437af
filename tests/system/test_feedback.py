"""The join of feedback with its closed question by production workers, killed again and again."""

from __future__ import annotations

import random
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processors.learning import feedback, rekey
from processors.questions.answers import close
from schemas import topics
from schemas.events import FeedbackJoined, QuestionClosed
from streams.app.settings import Settings
from streams.edge import admin
from streams.local.broker import Broker
from streams.runtime.codec import Codec
from tests.support.question_events import carried, question
from tests.system.drill import Edge, pause
from tests.system.harness import WorkerOf, until

QUESTIONS = 240
KILLS = 8
STAGES = [rekey.stage(), feedback.stage(lambda: 0)]


def _closed(request_id: str, answer: str) -> QuestionClosed:
    # Two questions a session: their partition is not that of their requests.
    session = f"s{int(request_id[1:]) // 2}"
    asked = replace(question("What is it?"), request_id=request_id, session_id=session)
    ended = close(carried(asked), "answered", 7, answer=answer)
    return next(each for each in ended if isinstance(each, QuestionClosed))


def _given(request_id: str, comment: str) -> dict[str, Any]:
    return {"request_id": request_id, "tenant": "acme", "rating": 1, "comment": comment}


@pytest.mark.parametrize("seed", [1])
def test_feedback_in_any_order_is_joined_once_whenever_its_workers_are_killed(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    print(f"seed {seed}")
    with Broker(Settings(data=tmp_path / "broker")) as broker:
        settings = Settings(data=tmp_path, bootstrap_servers=broker.bootstrap_servers)
        admin.apply_topics(settings, STAGES)
        edge, codec = Edge(settings), Codec()
        wanted = Counter[tuple[str, str]]()
        todo: list[tuple[float, str, bytes | None, dict[str, Any] | bytes]] = []
        for number in range(QUESTIONS):
            name, answer = f"q{number}", f"answer {number}"
            event = _closed(name, answer)
            key = topics.RAG_CLOSED.key(event).encode()
            value = codec.encode(topics.RAG_CLOSED.name, event)
            todo.append((rng.random(), topics.RAG_CLOSED.name, key, value))
            for each in range(rng.choice([0, 1, 2])):
                comment = f"{name}.{each}"
                # As a program may that hashes keys otherwise, or has none.
                key = rng.choice([None, f"acme/{name}".encode(), b"%d" % rng.randrange(99)])
                for _ in range(rng.choice([1, 1, 2])):
                    todo.append(
                        (rng.random(), topics.RAG_FEEDBACK.name, key, _given(name, comment))
                    )
                    wanted[comment, answer] += 1
        todo.sort(key=lambda item: item[0])

        def worker() -> WorkerOf:
            named = settings.model_copy(update={"worker": "w", "max_batch": 10})
            return WorkerOf(named, "streams.cli", "run", "rekey", "feedback")

        running = worker()
        running.start()
        running.wait_ready()
        each = len(todo) // (KILLS + 1) + 1
        for start in range(0, len(todo), each):
            for _, topic, key, value in todo[start : start + each]:
                edge.put(topic, key, value)
            edge.flush()
            if start == 0:
                continue
            pause(rng, 0.4)
            running.signal(signal.SIGKILL)
            running.await_kill()
            if rng.random() < 0.3:
                for file in (settings.data / "state").rglob("*.sqlite*"):
                    file.unlink()
            running = worker()
            running.start()
            if rng.random() < 0.5:  # else it may be killed before it is ready
                running.wait_ready()

        def joined() -> list[FeedbackJoined]:
            return [
                codec.decode(topics.RAG_FEEDBACK_JOINED, record.value)
                for record in edge.records(topics.RAG_FEEDBACK_JOINED.name)
            ]

        try:
            until(lambda: len(joined()) >= wanted.total(), "all feedback to be joined", 120)
        finally:
            running.stop()  # what it still holds, it finishes
        found = Counter((e.feedback.comment or "", e.closed.answer.answer) for e in joined())
        assert found == wanted
        assert not [*edge.records(topics.RAG_DLQ.name)]
