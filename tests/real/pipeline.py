"""A running stack over real stores, and what a program at its edge does with it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.events import QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.edge.client import Asker, reader
from streams.local.supervisor import Stack
from streams.runtime.codec import Codec
from tests.system.drill import Edge

TENANT = "acme"


@dataclass(frozen=True, slots=True)
class Running:
    """The stack, and its edge."""

    stack: Stack
    edge: Edge
    asker: Asker

    def feed(self, doc_id: str, version: int, body: str | None) -> None:
        """A document as it is now, or None: it is no more."""
        record: dict[str, Any] = {"tenant": TENANT, "doc_id": doc_id, "version": version}
        gone = {"op": "delete"} if body is None else {"op": "upsert", "body": body}
        self.edge.put("docs.feed", f"{TENANT}/{doc_id}", record | gone)
        self.edge.flush()

    def ask(self, query: str, deadline_ms: int = 30_000) -> QuestionAnswered:
        question = QuestionAsked(tenant=TENANT, query=query, deadline_ms=deadline_ms)
        return self.asker.ask(question, 60)


@contextmanager
def running(data: Path, **sections: Mapping[str, Any]) -> Generator[Running]:
    """The stack with these sections of the settings, and nothing else that is not the default."""
    with Stack(Settings(data=data, **sections)) as stack, reader(stack.settings) as consumer:
        yield Running(stack, Edge(stack.settings), Asker(stack.settings, Codec(), consumer))
