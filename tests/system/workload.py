"""What a drill gives a stack to do, all at once, and what must come of it."""

from __future__ import annotations

import base64
import json
import lzma
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import topics
from schemas.events import DocumentIndexed, FeedbackJoined, QuestionAnswered, QuestionClosed
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from tests.support.office_files import pdf, pdf_page
from tests.system.drill import TENANT, Edge, fed

QUESTIONS = (
    "Which versions of sodiumoxide are patched?",
    "What does a use after free allow?",
    "Is there a denial of service in a parser?",
    "What is the airspeed of an unladen swallow?",
)
SESSIONS = 12
WORDS = 60  # of a document of the bulk lane
# Each stands in no other version of a document than one that is replaced or deleted.
MARK = "zqmark{}qz"

Event = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """Changes of three kinds, and questions; each kind in its own order."""

    history: Sequence[Event]  # an open one, live
    bulk: Sequence[Event]  # invented, in the bulk lane
    files: Sequence[Event]  # PDFs, converted
    questions: int

    @property
    def changes(self) -> list[Event]:
        return [*self.history, *self.bulk, *self.files]

    @property
    def asked(self) -> list[str]:
        return [f"q{number}" for number in range(self.questions)]

    def put(self, edge: Edge, step: int, steps: int, rng: random.Random) -> None:
        """The next slice of each."""

        def mine(of: Sequence[Any]) -> Sequence[Any]:
            return of[step * len(of) // steps : (step + 1) * len(of) // steps]

        for topic, events in (
            (topics.DOCS_FEED, [*mine(self.history), *mine(self.files)]),
            (topics.DOCS_FEED_BULK, mine(self.bulk)),
        ):
            for event in events:
                edge.put(topic.name, f"{TENANT}/{event['path']}", fed(event))
        for request in mine(self.asked):
            session = session_of(request)
            asked = {"request_id": request, "tenant": TENANT, "query": rng.choice(QUESTIONS)}
            asked |= {"session_id": session, "deadline_ms": 3_600_000}
            edge.put(topics.RAG_REQUESTS.name, f"{TENANT}/{session}", asked)
            rated = {"request_id": request, "tenant": TENANT, "rating": 1, "comment": request}
            edge.put(topics.RAG_FEEDBACK.name, f"{TENANT}/{request}", rated)


def session_of(request: str) -> str:
    return f"s{int(request[1:]) % SESSIONS}"


def workload(
    data: Path, rng: random.Random, *, events: int, bulk: int, files: int, questions: int
) -> Workload:
    """`events` of the open history (0: all), so many changes of the two others, and questions."""
    with lzma.open(data / "cdc_rustsec" / "events.jsonl.xz", "rt") as lines:
        history = [json.loads(line) for line in lines][: events or None]
    return Workload(history, _bulk(bulk, rng), _files(files), questions)


def _bulk(count: int, rng: random.Random) -> list[Event]:
    """Versions of few documents, each with a mark of its own; the last of some is a delete."""
    found: list[Event] = []
    documents = max(1, count // 6)
    for seq in range(1, count + 1):
        event: Event = {"path": f"bulk/{rng.randrange(documents)}.md", "seq": seq, "op": "u"}
        words = [f"word{rng.randrange(200)}" for _ in range(WORDS)]
        event["content"] = " ".join([f"# Revision {seq}\n\n", *words, MARK.format(seq)])
        if rng.random() < 0.2:
            event = {**event, "op": "d"}
        found.append(event)
    return found


def _files(count: int) -> list[Event]:
    """Two versions of each PDF."""
    return [
        {
            "path": f"files/{number % max(1, count // 2)}.pdf",
            "seq": number + 1,
            "op": "u",
            "form": "base64",
            "content": base64.b64encode(pdf([pdf_page(number + 1)])).decode(),
        }
        for number in range(count)
    ]


@dataclass(frozen=True)
class Outcome:
    """Everything the topics say of a drill in the end."""

    indexed: list[DocumentIndexed]
    answers: list[QuestionAnswered]
    closed: list[QuestionClosed]
    joined: list[FeedbackJoined]
    dead: int

    @staticmethod
    def of(edge: Edge) -> Outcome:
        def events(topic: Topic[Any]) -> list[Any]:
            return [codec.decode(topic, each.value) for each in edge.records(topic.name)]

        codec = Codec()
        return Outcome(
            [each for each in events(topics.DOCS_INDEXED) if each.last],
            events(topics.RAG_ANSWERS),
            events(topics.RAG_CLOSED),
            events(topics.RAG_FEEDBACK_JOINED),
            sum(1 for t in (topics.DOCS_DLQ, topics.RAG_DLQ) for _ in edge.records(t.name)),
        )

    def ready_for(self, work: Workload) -> bool:
        """Whether as much has come as must."""
        least = len(work.changes), work.questions, work.questions, work.questions
        there = len(self.indexed), len(self.answers), len(self.closed), len(self.joined)
        return all(has >= must for has, must in zip(there, least, strict=True))

    def assert_nothing_lost_doubled_or_reordered(self, work: Workload) -> None:
        assert not self.dead
        told = Counter((e.document.doc_id, e.document.version) for e in self.indexed)
        assert told == Counter((each["path"], each["seq"]) for each in work.changes)
        asked = Counter(work.asked)
        assert Counter(each.request_id for each in self.answers) == asked
        assert Counter(each.answer.request_id for each in self.closed) == asked
        assert Counter(each.feedback.comment for each in self.joined) == asked
        assert all(e.feedback.request_id == e.closed.answer.request_id for e in self.joined)
        assert {each.status for each in self.answers} <= {"answered", "abstained"}
        versions: dict[str, list[int]] = defaultdict(list)
        for each in self.indexed:
            if not each.superseded:
                versions[each.document.doc_id].append(each.document.version)
        wrong = {doc: each for doc, each in versions.items() if each != sorted(each)}
        assert not wrong, "a document's versions became searchable in their order"
        sessions: dict[str, list[str]] = defaultdict(list)
        for event in self.closed:
            sessions[session_of(event.answer.request_id)].append(event.answer.request_id)
        assert all(
            each == sorted(each, key=lambda request: int(request[1:])) for each in sessions.values()
        ), "a session's questions were closed in their order"
