"""`dlq list|show|replay|skip`: records that could not be processed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from schemas import topics
from schemas.events import DeadLettered
from streams.app.settings import Settings
from streams.cli.console import Tenant, clock, open_codec, out, print_json, settings
from streams.flow.errors import UserError
from streams.runtime.codec import Codec

if TYPE_CHECKING:
    from streams.app.whose import Whose

app = typer.Typer(help="Dead letters: records that could not be processed.", no_args_is_help=True)
TOPICS = (topics.DOCS_DLQ, topics.RAG_DLQ)
Stage = Annotated[str, typer.Option(help="Only those of this stage.")]
Everyone = Annotated[
    bool,
    typer.Option("--all-tenants", help="Whoever's, and those that do not say: for operators."),
]


def _owner(tenant: str, everyone: bool, chosen: Settings) -> str | None:
    """Whose records are meant; None for everyone's."""
    if tenant and everyone:
        raise UserError("--tenant names one tenant and --all-tenants means all: say one of them")
    return None if everyone else tenant or chosen.default_tenant


def letters(
    chosen: Settings, codec: Codec, owner: str | None, stage: str = ""
) -> Iterator[tuple[str, DeadLettered]]:
    """A tenant's dead letters, or everyone's, with their ids (topic/partition/offset) by age."""
    from streams.edge.client import reader, replay

    whose = _whose(chosen, codec)
    found: list[tuple[str, DeadLettered]] = []
    with reader(chosen) as consumer:
        for message in replay(consumer, [topic.name for topic in TOPICS]):
            topic = next(each for each in TOPICS if each.name == message.topic())
            value: Any = message.value()
            letter = codec.decode(topic, value)
            if stage not in ("", letter.stage):
                continue
            if owner is None or whose.letter(letter) == owner:
                place = f"{message.topic()}/{message.partition()}/{message.offset()}"
                found.append((place, letter))
    yield from sorted(found, key=lambda pair: pair[1].failed_at)


def _whose(chosen: Settings, codec: Codec) -> Whose:
    from streams.app.config import sources_of_changes
    from streams.app.whose import Whose
    from streams.cli.operations import stages

    return Whose(stages(chosen), codec, sources_of_changes(chosen))


def _wanted(
    chosen: Settings, codec: Codec, name: str, owner: str | None
) -> tuple[str, DeadLettered]:
    for place, letter in letters(chosen, codec, owner):
        if place == name:
            return place, letter
    of = "" if owner is None else f" of tenant {owner}"
    raise UserError(f"there is no dead letter {name}{of}; `millrace dlq list` shows their names")


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
    tenant: Tenant = "",
    everyone: Everyone = False,
    stage: Stage = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """List dead letters, oldest first: a tenant's; everyone's where none is said and none is set.

    So an operator sees what there is, and who has a tenant set sees its own.
    """
    chosen = settings()
    unset = not tenant and "default_tenant" not in chosen.model_fields_set
    owner = _owner(tenant, everyone or unset, chosen)
    with open_codec(chosen) as codec:
        found = list(letters(chosen, codec, owner, stage))
    if as_json:
        for place, letter in found:
            print_json(_as_json(place, letter))
        return
    if not found:
        of = "" if owner is None else f" of tenant {owner} (--all-tenants shows everyone's)"
        out.print(f"no dead letters{of}")
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
    tenant: Tenant = "",
    everyone: Everyone = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show one dead letter of a tenant: cause, headers and original bytes."""
    chosen = settings()
    owner = _owner(tenant, everyone, chosen)
    with open_codec(chosen) as codec:
        place, found = _wanted(chosen, codec, letter, owner)
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
    tenant: Tenant = "",
    everyone: Everyone = False,
    stage: Stage = "",
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
) -> None:
    """Write a tenant's dead letters back to the topics they came from, as they were."""
    from streams.edge.deliveries import Deliveries
    from streams.runtime import kafka

    if not (letter or stage or everything):
        raise UserError("name a letter, a --stage, or say --all")
    chosen = settings()
    with open_codec(chosen) as codec:
        owner = _owner(tenant, everyone, chosen)
        if letter:
            found = iter([_wanted(chosen, codec, letter, owner)])
        else:
            found = letters(chosen, codec, owner, stage)
        producer = kafka.new_producer(kafka.producer_options(chosen))
        count, deliveries = 0, Deliveries()
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
                        on_delivery=deliveries,
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
        deliveries.wait(producer, 30)
    out.print(f"replayed {count}")


@app.command()
def skip(
    stage: Annotated[str, typer.Argument(help="The stage that is stuck on it.")],
    topic: Annotated[str, typer.Argument(help="As `millrace status` names it.")],
    partition: Annotated[int, typer.Argument()],
    offset: Annotated[int, typer.Argument()],
    tenant: Tenant = "",
    everyone: Everyone = False,
    why: Annotated[str, typer.Option(help="Stands in the dead letter.")] = "",
) -> None:
    """Set a tenant's record aside by hand: its stage makes a dead letter of it and goes on."""
    from streams.cli.operations import stages
    from streams.edge import holding
    from streams.edge.client import record_at

    chosen = settings()
    owner = _owner(tenant, everyone, chosen)
    if owner is not None:
        with open_codec(chosen) as codec:
            value = record_at(chosen, topic, partition, offset)
            if _whose(chosen, codec).record(topic, value) != owner:
                raise UserError(
                    f"{topic}/{partition}/{offset} is no record of tenant {owner}; whoever it is "
                    "of, --all-tenants sets it aside"
                )
    holding.set_aside(chosen, stages(chosen), stage, topic, partition, offset, why)
    out.print(
        f"{stage} will set {topic}/{partition}/{offset} aside when it begins on that partition "
        "anew, and within a minute where it gets no further: watch `millrace status`",
        markup=False,
    )
