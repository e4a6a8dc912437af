"""What the verbs share: settings of this call, and how they print."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas.json_lines import as_line, visible
from streams.app.ports import BrokerSettings, RedisSettings
from streams.app.settings import Settings, load
from streams.flow.masking import HIDDEN
from streams.local import state as stack_state
from streams.local.users import being

if TYPE_CHECKING:
    from rich.progress import Progress

    from streams.runtime.codec import Codec

Tenant = Annotated[str, typer.Option(help="Whose; unset: MILLRACE_DEFAULT_TENANT.")]


class Plain(Console):
    """A terminal that no text can steer: what it prints of control characters is their number."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


out = Plain(highlight=False)
err = Plain(stderr=True, highlight=False)


def settings() -> Settings:
    """The settings, with the addresses of the stack that runs on this data folder, if one does."""
    chosen = load()
    if chosen.bootstrap_servers:
        return chosen
    state = stack_state.read_state(chosen.data.absolute())
    if state is None or not state.bootstrap_servers:
        return chosen
    found = chosen.model_copy(update={"bootstrap_servers": state.bootstrap_servers})
    if state.user and not chosen.of(BrokerSettings).user:
        found = being(found, state.user)
    if not chosen.of(RedisSettings).url and HIDDEN not in state.redis_url:
        found = found.having(RedisSettings, url=state.redis_url, kept_url=state.kept_url)
    return found


@contextmanager
def open_codec(chosen: Settings) -> Generator[Codec]:
    from streams.app import codecs

    with ExitStack() as stack:
        yield codecs.codec(chosen, stack)


def progress() -> Progress:
    """A bar on the terminal; nothing where there is none."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=not err.is_terminal,
        disable=not err.is_terminal,
    )


def print_json(value: Any) -> None:
    """One JSON document to standard output, as a script reads it."""
    print(as_line(value))


def clock(milliseconds: int, form: str) -> str:
    """A record's timestamp, UTC; the bare number where a producer wrote what is no date."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
