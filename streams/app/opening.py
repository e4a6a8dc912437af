"""What programs beside the workers open: files to feed, the embedding model, the searchable set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from connectors.converters import sources
from connectors.converters.documents import Documents
from connectors.converters.port import ConvertSettings
from processors.needs import EMBEDDER
from streams.app import stores
from streams.app.config import config
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.flow.stage import Stage


def stages(settings: Settings) -> list[Stage]:
    """The topology of these settings; opens nothing.

    Raises:
        UserError: a policy file is absent or wrong.
    """
    return topology(config(settings))


def model_at_work(settings: Settings) -> str:
    """The embedding model, once it has embedded something.

    Raises:
        UserError: it cannot be opened.
    """
    with ExitStack() as stack:
        embedder = open_these(settings, stack, EMBEDDER)[EMBEDDER]
        vector = embedder.embed_queries(["Is the model there?"])
        return f"{embedder.model}, {vector.shape[1]} dimensions"


def documents(settings: Settings, paths: Sequence[str], tenant: str) -> Iterator[sources.Found]:
    """Documents found at these paths, and what was skipped there or is to be told.

    Raises:
        UserError: a path does not exist.
    """
    with Documents(settings.of(ConvertSettings).limits) as converter:
        yield from sources.documents(paths, tenant, converter)


def dump_index(settings: Settings, tenant: str | None = None) -> Iterator[str]:
    """JSON lines of everything searchable: from its worker, or from the folder if none runs.

    Raises:
        UserError: the folder cannot be read.
    """
    yield from stores.dump(settings, tenant)
