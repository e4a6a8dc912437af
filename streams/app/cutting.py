"""How a document is cut now, for what holds an index against the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from processors.documents.chunk import chunk
from processors.needs import COUNTER
from schemas.events import DocumentChanged
from streams.app.config import chunking_policy
from streams.app.ports import open_these
from streams.app.settings import Settings


def cutter(settings: Settings, stack: ExitStack) -> Callable[[DocumentChanged], Mapping[str, str]]:
    """The chunks of a part of a document as `chunk` makes them: ids to texts.

    Raises:
        UserError: a policy is wrong, or the tokenizer cannot be had.
    """
    counter = open_these(settings, stack, COUNTER)[COUNTER]
    policy = chunking_policy(settings)

    def cut(change: DocumentChanged) -> dict[str, str]:
        made = chunk(change, counter=counter, policy=policy)
        return {each.chunk_id: each.text for record in made for each in record.chunks}

    return cut
