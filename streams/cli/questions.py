"""`ask`, `feedback`, `trail`: questions and what became of them."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from schemas import topics
from schemas.events import FeedbackGiven, QuestionAnswered, QuestionAsked, Usage
from streams.cli.console import Tenant, clock, err, open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.runtime.record import now_ms

app = typer.Typer()
EXIT_CODES = {"answered": 0, "abstained": 3, "refused": 4, "expired": 5, "failed": 6}


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    tenant: Tenant = "",
    session: Annotated[str, typer.Option(help="A conversation's id.")] = "",
    top_k: Annotated[int, typer.Option(help="Chunks given to the answerer; 0: default.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Ask one question (exit codes: 0 answered, 3 abstained, 4 refused, 5 expired, 6 failed)."""
    from streams.edge.client import Asker, reader
    from streams.edge.moments import new_request_id

    chosen = settings()
    asked = QuestionAsked(
        request_id=new_request_id(now_ms()),
        tenant=tenant or chosen.default_tenant,
        query=question,
        session_id=session or None,
        top_k=top_k or None,
        deadline_ms=int(timeout * 1000),
    )
    with reader(chosen) as consumer, open_codec(chosen) as codec:
        start = time.perf_counter()
        answer = Asker(chosen, codec, consumer).ask(asked, timeout + 1)
        took = (time.perf_counter() - start) * 1000
    if as_json:
        print_json(answer.to_avro())
    else:
        print_answer(answer)
        err.print(f"[dim]{answer.request_id}, {took:.0f} ms{_used(answer.usage)}[/dim]")
    raise typer.Exit(EXIT_CODES[answer.status])


def _used(usage: Usage) -> str:
    """What a model used for an answer; nothing where none was asked, and no price where none is."""
    if not usage.input_tokens and not usage.output_tokens:
        return ""
    price = ", cost unknown" if usage.cost is None else ""
    price = f", cost {usage.cost:.6f}" if usage.cost else price
    return f", {usage.input_tokens:,} + {usage.output_tokens:,} tokens{price}"


def print_answer(answer: QuestionAnswered) -> None:
    """An answer as a person reads it, with its sources."""
    if answer.understood:
        out.print(f"  [dim]understood as: {escape(answer.understood)}[/dim]")
    if answer.status == "answered":
        out.print(Padding(escape(answer.answer), (0, 2)))
        for left_open in answer.reasons:
            out.print(f"    [yellow]not answered:[/yellow] {escape(left_open)}")
    else:
        reasons = "; ".join(answer.reasons)
        out.print(f"  [yellow]{answer.status}[/yellow] {escape(reasons)}")
    for number, citation in enumerate(answer.citations, 1):
        place = f"{citation.doc_id} v{citation.doc_version} [{citation.start}:{citation.end}]"
        out.print(f"    [cyan]\\[{number}][/cyan] [dim]{escape(place)}, {citation.score:.2f}[/dim]")
    for fallback in answer.degraded:
        out.print(f"    [yellow]degraded:[/yellow] {escape(fallback)}")


@app.command()
def feedback(
    request_id: Annotated[str, typer.Argument(help="Which answer.")],
    rating: Annotated[str, typer.Argument(help="up, down or neutral.")],
    tenant: Tenant = "",
    comment: Annotated[str, typer.Option(help="What was good or bad.")] = "",
    correct_answer: Annotated[str, typer.Option(help="What it should have said.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="A label; may be repeated.")] = None,
) -> None:
    """Publish what you think of an answer."""
    from streams.edge.client import edge_output
    from streams.edge.deliveries import Deliveries
    from streams.runtime import kafka

    ratings = {"up": 1, "neutral": 0, "down": -1}
    if rating not in ratings:
        raise UserError(f"rating is '{rating}'; it must be one of {', '.join(ratings)}")
    chosen = settings()
    given = FeedbackGiven(
        request_id=request_id,
        tenant=tenant or chosen.default_tenant,
        rating=ratings[rating],
        comment=comment or None,
        correct_answer=correct_answer or None,
        labels=label or [],
    )
    kafka.reachable(chosen)
    with open_codec(chosen) as codec:
        producer = kafka.new_producer(kafka.producer_options(chosen))
        output = edge_output(codec, topics.RAG_FEEDBACK, given, str(uuid.uuid4()))
        deliveries = Deliveries()
        kafka.send(producer, output, kafka.Partitions(producer), deliveries)
        deliveries.wait(producer, 10)
    out.print(f"published to {topics.RAG_FEEDBACK.name}")


@app.command()
def trail(
    request_id: Annotated[str, typer.Argument(help="Which question.")],
    tenant: Tenant = "",
    since: Annotated[
        str,
        typer.Option(
            help="From when on to search: 90m, 7d or 2026-05-04T10:30. Unset: from the time in the "
            "id, if it is a UUIDv7, else a day."
        ),
    ] = "",
    trace: Annotated[
        bool, typer.Option("--trace", help="As a tree of spans: what caused what.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show every event of one question of a tenant, rebuilt from the topics alone."""
    from streams.edge import moments, spans
    from streams.edge.client import reader
    from streams.edge.trails import SKEW_MS, trail_of

    chosen, now = settings(), now_ms()
    tenant = tenant or chosen.default_tenant
    begin = moments.moment(since or "1d", now)
    if not since and (made := moments.time_of(request_id)) is not None:
        begin = max(0, made - SKEW_MS)
    with reader(chosen) as consumer, open_codec(chosen) as codec:
        steps = trail_of(request_id, tenant, consumer, codec, since=begin)
    searched = f"what was written since {clock(begin, '%Y-%m-%d %H:%M:%S')} UTC"
    if not steps:
        raise UserError(
            f"{searched} holds no event of request {request_id} of tenant {tenant}: --since (such "
            "as 7d) searches more, --tenant another's"
        )
    err.print(f"[dim]searched: {searched}[/dim]")
    if trace:
        roots = spans.tree_of(steps)
        if as_json:
            print_json([asdict(root) for root in roots])
        for line in () if as_json else spans.lines(roots):
            out.print(line, markup=False)
        return
    if as_json:
        print_json(steps)
        return
    print_trail(steps)


def print_trail(steps: list[dict[str, Any]]) -> None:
    """A trail as a person reads it."""
    table = Table("time", "stage", "topic", "ms", "what was decided", box=None, pad_edge=False)
    start = steps[0]["timestamp"]
    for step in steps:
        at = clock(step["timestamp"], f"%H:%M:%S.{step['timestamp'] % 1000:03}")
        since = str(step["timestamp"] - start)
        table.add_row(at, step["stage"], step["topic"], since, escape(step["summary"]))
    out.print(table)
    ranked = next((s for s in reversed(steps) if s.get("candidates")), None)
    if ranked is None:
        return
    out.print()
    table = Table("rank", "chunk", "document", "score", "signals", box=None, pad_edge=False)
    for rank, each in enumerate(ranked["candidates"], 1):
        signals = ", ".join(f"{name} {value:.2f}" for name, value in each["scores"].items())
        document = f"{each['doc_id']} v{each['doc_version']}"
        row = (str(rank), each["chunk_id"][:8], escape(document), f"{each['score']:.3f}", signals)
        table.add_row(*row)
    out.print(table)
