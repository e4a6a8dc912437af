"""Questions put to the running pipeline: each answer with the chunks it was made from."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from evaluation import sample
from evaluation.bench.report import Say
from evaluation.bench.running import data_folder, whole_stack
from evaluation.quality.dataset import Item
from schemas import topics
from schemas.events import Candidate, DocumentFed, QuestionAnswered, QuestionAsked
from streams.app import opening
from streams.app.settings import Settings
from streams.cli.console import open_codec
from streams.edge.client import Asker, from_the_end, reader
from streams.edge.documents import Feeder
from streams.flow.errors import UserError
from streams.runtime.codec import Codec

WAIT_S = 60.0
CLOSED_WAIT_S = 5.0  # it is committed together with the answer


@dataclass(frozen=True, slots=True)
class Reply:
    """What the pipeline said, or `error`: why there is no answer."""

    answer: QuestionAnswered | None
    chunks: tuple[Candidate, ...] = ()
    error: str = ""

    @property
    def status(self) -> str:
        return self.answer.status if self.answer else "none"

    @property
    def contexts(self) -> list[str]:
        """The chunks the answerer was given, best first, each under its title and headings."""
        return [
            "\n".join(part for part in (chunk.title, chunk.heading, chunk.text) if part)
            for chunk in self.chunks
        ]

    @property
    def response(self) -> str:
        return self.answer.answer if self.answer else ""

    @property
    def cited(self) -> list[str]:
        return [citation.doc_id for citation in self.answer.citations] if self.answer else []


@contextmanager
def sample_stack(folder: Path | None, say: Say) -> Generator[Settings]:
    """A stack of its own with the sample corpus in it, in `folder` or a temporary one."""
    with data_folder() as temporary, whole_stack(folder or temporary, say) as settings:
        with open_codec(settings) as codec, reader(settings) as acks:
            feeder = Feeder(settings, codec, acks)
            say("feeding the sample corpus")
            report = feeder.feed(_sample_documents(settings))
            if report.rejected:
                raise UserError(f"a sample document was rejected: {report.rejected[0]}")
            say(f"{report.searchable} documents are searchable")
        yield settings


def _sample_documents(settings: Settings) -> Iterable[DocumentFed]:
    for tenant in sample.TENANTS:
        for found in opening.documents(settings, [str(sample.documents(tenant))], tenant):
            if not isinstance(found, DocumentFed):
                raise UserError(f"a sample document cannot be read: {found}")
            yield found


def ask_all(settings: Settings, items: Iterable[Item], say: Say) -> list[Reply]:
    """One reply per item, in order; one that got no answer says so and the rest goes on."""
    with asking(settings) as ask:
        replies: list[Reply] = []
        for item in items:
            replies.append(ask(item))
            say(f"{item.id}: {replies[-1].status}")
        return replies


@contextmanager
def asking(settings: Settings) -> Generator[Callable[[Item], Reply]]:
    """Someone who asks one item after another, connected from now on."""
    with (
        open_codec(settings) as codec,
        reader(settings) as answers,
        reader(settings) as closed,
    ):
        from_the_end(closed, [topics.RAG_CLOSED.name])
        asker = Asker(settings, codec, answers)
        yield lambda item: _ask(asker, closed, codec, item)


def _ask(asker: Asker, closed: Consumer, codec: Codec, item: Item) -> Reply:
    question = QuestionAsked(tenant=item.tenant, query=item.question)
    try:
        answer = asker.ask(question, WAIT_S)
    except UserError as error:
        return Reply(None, error=str(error))
    if answer.status not in ("answered", "abstained"):
        return Reply(answer, error=f"{answer.status}: {'; '.join(answer.reasons)}")
    return Reply(answer, _passages(closed, codec, answer))


def _passages(consumer: Consumer, codec: Codec, answer: QuestionAnswered) -> tuple[Candidate, ...]:
    until = time.monotonic() + CLOSED_WAIT_S
    while time.monotonic() < until:
        message = consumer.poll(0.2)
        if message is None or message.error() is not None:
            continue
        value: Any = message.value()
        event = codec.decode(topics.RAG_CLOSED, value)
        if (event.answer.tenant, event.answer.request_id) == (answer.tenant, answer.request_id):
            return tuple(event.passages)
    return ()
