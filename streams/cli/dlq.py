"""`dlq list|show|replay|skip`: records that could not be processed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from schemas import topics
from schemas.events import DeadLettered
from streams.app.settings import Settings
from streams.cli.console import clock, open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.runtime.codec import Codec

app = typer.Typer(help="Dead letters: records that could not be processed.", no_args_is_help=True)
TOPICS = (topics.DOCS_DLQ, topics.RAG_DLQ)
Stage = Annotated[str, typer.Option(help="Only those of this stage.")]


def letters(chosen: Settings, codec: Codec, stage: str = "") -> Iterator[tuple[str, DeadLettered]]:
    """Every dead letter with its id (topic/partition/offset), oldest first."""
    from streams.edge.client import reader, replay

    found: list[tuple[str, DeadLettered]] = []
    with reader(chosen) as consumer:
        for message in replay(consumer, [topic.name for topic in TOPICS]):
            topic = next(each for each in TOPICS if each.name == message.topic())
            value: Any = message.value()
            letter = codec.decode(topic, value)
            if not stage or letter.stage == stage:
                place = f"{message.topic()}/{message.partition()}/{message.offset()}"
                found.append((place, letter))
    yield from sorted(found, key=lambda pair: pair[1].failed_at)


def _wanted(chosen: Settings, codec: Codec, name: str) -> tuple[str, DeadLettered]:
    for place, letter in letters(chosen, codec):
        if place == name:
            return place, letter
    raise UserError(f"there is no dead letter {name}; `millrace dlq list` shows their names")


def _as_json(place: str, letter: DeadLettered) -> dict[str, Any]:
    datum = letter.to_avro()
    for name in ("key", "value"):
        if datum[name] is not None:
            datum[name] = datum[name].decode("utf-8", "backslashreplace")
    for header in datum["headers"]:
        if header["value"] is not None:
            header["value"] = header["value"].decode("utf-8", "backslashreplace")
    return {"letter": place, **datum}


@app.command("list")
def list_letters(
    stage: Stage = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """List dead letters, oldest first."""
    chosen = settings()
    with open_codec(chosen) as codec:
        found = list(letters(chosen, codec, stage))
    if as_json:
        for place, letter in found:
            print_json(_as_json(place, letter))
        return
    if not found:
        out.print("no dead letters")
        return
    table = Table("letter", "when", "stage", "key", "tries", "reason", box=None)
    for place, letter in found:
        when = clock(letter.failed_at, "%m-%d %H:%M:%S")
        key = escape((letter.key or b"").decode("utf-8", "replace")[:40])
        reason = escape(letter.reason[:100])
        table.add_row(place, when, letter.stage, key, str(letter.attempts), reason)
    out.print(table)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="As `dlq list` names it.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show one dead letter: cause, headers and original bytes."""
    chosen = settings()
    with open_codec(chosen) as codec:
        place, found = _wanted(chosen, codec, letter)
    datum = _as_json(place, found)
    if as_json:
        print_json(datum)
        return
    for name, value in datum.items():
        if name == "headers":
            for header in value:
                out.print(f"  header   {header['key']}: {header['value']}", markup=False)
        else:
            text = str(value)
            shown = text if len(text) <= 2000 else f"{text[:2000]}… ({len(text):,} characters)"
            out.print(f"{name:10} {shown}", markup=False)


@app.command()
def replay(
    letter: Annotated[str, typer.Argument(help="As `dlq list` names it; empty: all.")] = "",
    stage: Stage = "",
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
) -> None:
    """Write dead letters back to the topics they came from, as they were."""
    from streams.runtime import kafka

    if not (letter or stage or everything):
        raise UserError("name a letter, a --stage, or say --all")
    chosen = settings()
    with open_codec(chosen) as codec:
        found = [_wanted(chosen, codec, letter)] if letter else letters(chosen, codec, stage)
        producer = kafka.new_producer(kafka.producer_options(chosen))
        count = 0
        for place, each in found:
            headers = [(h.key, h.value) for h in each.headers]
            while True:
                try:
                    # In its own partition and of its own time: an old change stays an old change.
                    producer.produce(
                        each.topic,
                        value=each.value,
                        key=each.key,
                        headers=[*headers, ("replayof", place.encode())],  # pyright: ignore
                        partition=each.partition,
                        timestamp=each.timestamp,
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
        if producer.flush(30):
            raise UserError("not all could be delivered: the broker does not answer")
    out.print(f"replayed {count}")


@app.command()
def skip(
    stage: Annotated[str, typer.Argument(help="The stage that is stuck on it.")],
    topic: Annotated[str, typer.Argument(help="As `millrace status` names it.")],
    partition: Annotated[int, typer.Argument()],
    offset: Annotated[int, typer.Argument()],
    why: Annotated[str, typer.Option(help="Stands in the dead letter.")] = "",
) -> None:
    """Set a record aside by hand: its stage makes a dead letter of it and goes on."""
    from streams.cli.operations import stages
    from streams.edge import holding

    chosen = settings()
    holding.set_aside(chosen, stages(chosen), stage, topic, partition, offset, why)
    out.print(
        f"{stage} will set {topic}/{partition}/{offset} aside when it begins on that partition "
        "anew, and within a minute where it gets no further: watch `millrace status`",
        markup=False,
    )
