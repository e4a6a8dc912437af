"""`python -m evaluation.followups`: follow-ups, answered as their spelled-out forms are?

Each conversation of the sample is held in a session of its own; the same questions, spelled out by
hand, are asked outside of any. Both go through a running pipeline: a stack of its own with the
sample corpus in it, whose workers of questions are killed now and then with `--kills`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation import sample
from evaluation.bench.report import Say
from evaluation.quality.asking import sample_stack
from schemas.events import QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.cli.console import err, open_codec, out
from streams.edge.client import Asker, reader
from streams.edge.moments import new_request_id
from streams.local.state import status
from streams.runtime.record import now_ms

CONVERSATIONS = Path(sample.__file__).parent / "conversations.jsonl"
# Written after the rules were, and once looked at.
HELD_OUT = CONVERSATIONS.with_name("conversations-held-out.jsonl")
WAIT_S = 60.0
WANTED = 0.9
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Followup:
    """A question of a conversation, its spelled-out form, and what a right answer holds."""

    asked: str
    spelled: str
    contains: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A first question, and those that refer to what was said before."""

    id: str
    tenant: str
    question: str
    followups: tuple[Followup, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One follow-up: what was made of it, and what came of that and of its spelled-out form."""

    conversation: str
    asked: str
    understood: str
    spelled: str
    same: bool  # as the spelled-out form is answered
    right: bool
    spelled_right: bool
    answer: str
    spelled_answer: str
    degraded: tuple[str, ...]


def conversations(path: Path = CONVERSATIONS) -> list[Conversation]:
    """Those of a file, a line of JSON each."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Conversation(
            row["id"],
            row["tenant"],
            row["question"],
            tuple(Followup(**each) for each in row["followups"]),
        )
        for row in rows
    ]


def hold(asker: Asker, talks: Sequence[Conversation], say: Say) -> Iterator[Outcome]:
    """Every conversation in a session of its own, and its follow-ups spelled out in none."""
    mark = now_ms()
    for talk in talks:
        session = f"{talk.id}-{mark}"
        _ask(asker, talk.tenant, talk.question, session)
        for each in talk.followups:
            answer = _ask(asker, talk.tenant, each.asked, session)
            spelled = _ask(asker, talk.tenant, each.spelled, None)
            outcome = Outcome(
                talk.id,
                each.asked,
                answer.understood,
                each.spelled,
                same(answer, spelled),
                _holds(answer, each.contains),
                _holds(spelled, each.contains),
                answer.answer or "; ".join(answer.reasons),
                spelled.answer or "; ".join(spelled.reasons),
                tuple(answer.degraded),
            )
            say(f"{talk.id}: {'same' if outcome.same else 'other'}: {each.asked}")
            yield outcome


def same(answer: QuestionAnswered, other: QuestionAnswered) -> bool:
    """Whether two answers say the same: in the same words, or first from the same place."""
    if answer.status != other.status:
        return False
    if answer.status != "answered" or answer.answer == other.answer:
        return True
    first, second = answer.citations[0], other.citations[0]
    return (first.chunk_id, first.start, first.end) == (second.chunk_id, second.start, second.end)


def _holds(answer: QuestionAnswered, wanted: str) -> bool:
    return answer.status == "answered" and wanted.casefold() in answer.answer.casefold()


def _ask(asker: Asker, tenant: str, query: str, session: str | None) -> QuestionAnswered:
    request_id = new_request_id(now_ms())
    question = QuestionAsked(
        request_id=request_id, tenant=tenant, query=query, session_id=session, deadline_ms=60_000
    )
    return asker.ask(question, WAIT_S)


def score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of follow-ups, and all of them."""
    count = max(len(outcomes), 1)
    return {
        "followups": len(outcomes),
        "same_as_spelled_out": round(sum(o.same for o in outcomes) / count, 3),
        "right": round(sum(o.right for o in outcomes) / count, 3),
        "spelled_out_right": round(sum(o.spelled_right for o in outcomes) / count, 3),
        "degraded": sum(bool(o.degraded) for o in outcomes),
        "outcomes": [asdict(o) for o in outcomes],
    }


def _killed(settings: Settings, outcomes: Iterator[Outcome], every: int) -> Iterator[Outcome]:
    """The outcomes, a worker of questions killed before each `every`-th follow-up."""
    for at, outcome in enumerate(outcomes, 1):
        if every and at % every == 0:
            found = status(settings)["processes"]
            worker = next(each for each in found if each["name"] == "up-questions")
            os.kill(worker["pid"], signal.SIGKILL)
        yield outcome


@app.command()
def followups(
    data: Annotated[Path, typer.Option(help="Conversations, as JSON lines.")] = CONVERSATIONS,
    output: Annotated[Path | None, typer.Option(help="Write all outcomes to this file.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Data folder of the stack.")] = None,
    kills: Annotated[int, typer.Option(help="Kill a worker before each such follow-up.")] = 0,
) -> None:
    """Hold the conversations, and score them. Exit code 1: fewer than .9 are answered the same."""
    # The stack is taken down all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begin = time.monotonic()

    def say(what: str) -> None:
        err.print(f"{time.monotonic() - begin:6.0f} s  {what}", style="dim", markup=False)

    with (
        sample_stack(folder, say) as chosen,
        open_codec(chosen) as codec,
        reader(chosen) as answers,
    ):
        held = hold(Asker(chosen, codec, answers), conversations(data), say)
        outcomes = [*_killed(chosen, held, kills)]
    found = score(outcomes)
    if output is not None:
        output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for each in (o for o in outcomes if not o.same):
        out.print(f"\n{each.conversation}: {each.asked}", markup=False)
        out.print(f"  understood: {each.understood or '(as it was asked)'}", markup=False)
        out.print(f"  spelled out: {each.spelled}", markup=False)
        out.print(f"  {each.answer!r}\n  {each.spelled_answer!r}", markup=False)
    out.print("\n" + ", ".join(f"{k} {v}" for k, v in found.items() if k != "outcomes"))
    raise typer.Exit(0 if found["same_as_spelled_out"] >= WANTED else 1)


if __name__ == "__main__":
    app()
