"""`millrace demo`: the whole thing on this machine, from nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Annotated

import typer
from confluent_kafka import Consumer
from rich.markup import escape

from evaluation import sample
from schemas.events import DocumentFed, QuestionAnswered, QuestionAsked
from streams.app import opening
from streams.app.settings import Settings, load
from streams.cli.console import err, out
from streams.cli.questions import print_answer, print_trail
from streams.edge.client import Asker, reader
from streams.edge.documents import Feeder
from streams.edge.trails import trail_of
from streams.flow.errors import MillraceError
from streams.local.supervisor import Stack
from streams.runtime.codec import Codec

app = typer.Typer()
SHOWN = ("q01", "q02", "q08", "q15", "q19", "q27")
WAIT_S = 60.0


class DemoFailed(MillraceError):  # noqa: N818 - reads as a sentence
    """An answer was not what the sample corpus says it must be."""


@app.callback(invoke_without_command=True)
def demo(
    every: Annotated[bool, typer.Option("--all", help="Ask all 30 sample questions.")] = False,
    secure: Annotated[
        bool, typer.Option("--secure", help="The broker takes users alone, each with its rights.")
    ] = False,
) -> None:
    """Start everything, feed a sample corpus, ask, change and delete documents, ask again."""
    chosen = load({"kafka_secure": True} if secure else {})
    # A folder of its own, so that the demo never mixes with what somebody keeps in theirs.
    stack = Stack(chosen.model_copy(update={"data": chosen.data / "demo"}))
    with ExitStack() as cleanup:
        stack.start(lambda phase: err.print(f"[dim]millrace:[/dim] {phase}"))
        cleanup.callback(lambda: err.print("[dim]millrace:[/dim] stopping"))
        cleanup.callback(stack.stop)
        codec = Codec()
        with reader(stack.settings) as answers, reader(stack.settings) as acks:
            show = _Demo(stack.settings, codec, answers, acks)
            show.feed_all()
            last = show.ask_some(every)
            show.change_and_delete()
            show.trail(last)
    out.print("\nThat was the demo. `millrace up` keeps the stack running; see README.md.")


class _Demo:
    """The steps of the demo, on a running stack."""

    def __init__(self, settings: Settings, codec: Codec, answers: Consumer, acks: Consumer) -> None:
        self._settings = settings
        self._codec = codec
        self._asker = Asker(settings, codec, answers)
        self._feeder = Feeder(settings, codec, acks)
        self._documents: dict[tuple[str, str], DocumentFed] = {}

    def feed_all(self) -> None:
        out.rule("Documents become searchable")
        for tenant in sample.TENANTS:
            folder = str(sample.documents(tenant))
            for found in opening.documents(self._settings, [folder], tenant):
                assert isinstance(found, DocumentFed), found
                self._documents[tenant, found.doc_id] = found
        before = self._feeder.report.searchable
        self._feed(self._documents.values())
        report = self._feeder.report
        out.print(
            f"{report.searchable - before} documents of {len(sample.TENANTS)} tenants are "
            f"searchable, in {report.chunks} chunks"
        )

    def ask_some(self, every: bool) -> QuestionAnswered:
        """Ask sample questions; returns the last answer."""
        out.rule("Questions get cited answers, or an honest abstention")
        wanted = [q for q in sample.questions() if every or q.id in SHOWN]
        right = 0
        answer: QuestionAnswered | None = None
        for each in wanted:
            answer = self._ask(each.tenant, each.question)
            sources = [citation.doc_id for citation in answer.citations]
            right += each.is_right(answer.status, answer.answer, sources)
        out.print(f"\n{right} of {len(wanted)} are as the sample's answer sheet says")
        assert answer is not None
        return answer

    def change_and_delete(self) -> None:
        plan = sample.changes()
        change, delete = plan["change"], plan["delete"]
        out.rule("A document changes, and so does the answer")
        self._expect(change["tenant"], change["question"], change["before"])
        document = self._documents[change["tenant"], change["doc_id"]]
        body = (document.body or "").replace(change["replace"], change["with"])
        out.print(f"\n  [green]{escape(change['doc_id'])} now says:[/green] {change['with']}")
        self._feed([_with_body(document, body)])
        self._expect(change["tenant"], change["question"], change["after"])
        out.rule("A document is deleted, and its answer is gone")
        self._expect(delete["tenant"], delete["question"], delete["before"])
        gone = DocumentFed(op="delete", tenant=delete["tenant"], doc_id=delete["doc_id"])
        out.print(f"\n  [red]{escape(delete['doc_id'])} is deleted[/red]")
        self._feed([gone])
        answer = self._ask(delete["tenant"], delete["question"])
        if any(citation.doc_id == delete["doc_id"] for citation in answer.citations):
            raise DemoFailed(f"{delete['doc_id']} is cited after its deletion")

    def trail(self, answer: QuestionAnswered) -> None:
        out.rule("The trail of the last sample question, from the topics alone")
        with reader(self._settings) as consumer:
            print_trail(trail_of(answer.request_id, answer.tenant, consumer, self._codec))

    def _ask(self, tenant: str, question: str) -> QuestionAnswered:
        out.print(f"\n[bold]{tenant}:[/bold] {escape(question)}")
        answer = self._asker.ask(QuestionAsked(tenant=tenant, query=question), WAIT_S)
        print_answer(answer)
        return answer

    def _expect(self, tenant: str, question: str, part: str) -> None:
        answer = self._ask(tenant, question)
        if part not in answer.answer:
            raise DemoFailed(f"the answer to '{question}' should hold '{part}'")

    def _feed(self, documents: Iterable[DocumentFed] | Sequence[DocumentFed]) -> None:
        rejected = len(self._feeder.report.rejected)
        report = self._feeder.feed(documents)
        if len(report.rejected) > rejected:
            raise DemoFailed(f"a document was rejected: {report.rejected[-1]}")


def _with_body(document: DocumentFed, body: str) -> DocumentFed:
    return DocumentFed(
        op="upsert",
        tenant=document.tenant,
        doc_id=document.doc_id,
        doc_type=document.doc_type,
        title=document.title,
        body=body,
        uri=document.uri,
    )
