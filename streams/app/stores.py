"""What is behind the index: one store, or two that are searched by vectors and by words.

A new store is a folder in `connectors/` and one line of `STORES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import Field

from connectors.encoding import EncoderSettings
from connectors.opensearch import port as opensearch
from connectors.opensearch.port import OpenSearchSettings
from connectors.qdrant import port as qdrant
from connectors.qdrant.port import QdrantSettings
from connectors.qdrant_edge import port as edge
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.ports import IndexVersion, Searchable

DIMENSIONS = 384
S = TypeVar("S", bound=Section)


class IndexSettings(Section):
    """Which index answers, and what it is kept in."""

    section: ClassVar[str] = "index"

    name: str = Field(
        default="main", description="The index version: a folder, collection or index of its own"
    )
    dense: Literal["edge", "qdrant"] = Field(
        default="edge", description="What is searched by vectors"
    )
    lexical: Literal["edge", "qdrant", "opensearch"] = Field(
        default="edge", description="What is searched by words; edge is a folder of this machine"
    )

    erased_hours: float = Field(
        default=24.0,
        gt=0,
        description="Deleted text is out of an embedded index's folder after so many hours",
    )
    erased_share: float = Field(
        default=0.5, gt=0, le=1, description="Or sooner, once it is so much of what is there"
    )
    graph_from: int = Field(
        default=100_000,
        ge=1_000,
        description="An embedded index of so many chunks gets a graph of its vectors, by which the "
        "nearest are found without looking at all; a process of its own builds it",
    )

    @property
    def stores(self) -> tuple[str, ...]:
        """The one or two that are written."""
        return tuple(dict.fromkeys((self.lexical, self.dense)))

    @property
    def here(self) -> bool:
        """Whether a folder of this machine is among them: then one process has the index."""
        return any(STORES[name].here for name in self.stores)


@dataclass(frozen=True, slots=True)
class Store:
    """How a store is opened, and by which section of the settings."""

    section: type[Section]
    open: Callable[[Any, IndexVersion, Opening], Any]
    reach: Callable[[Any, Opening], Any] | None = None
    here: bool = False


class Sections(Protocol):
    """The settings, as far as opening ports needs them."""

    data: Path

    @property
    def policies(self) -> Path | None: ...

    @property
    def weights_key(self) -> Path | None: ...

    def of(self, section: type[S]) -> S: ...


STORES: Mapping[str, Store] = {
    "edge": Store(
        IndexSettings,
        lambda settings, version, opening: edge.opened(
            version, opening, settings.erased_hours, settings.erased_share, settings.graph_from
        ),
        here=True,
    ),
    "qdrant": Store(QdrantSettings, qdrant.opened, qdrant.reached),
    "opensearch": Store(OpenSearchSettings, opensearch.opened, opensearch.reached),
}
SECTIONS: tuple[type[Section], ...] = tuple(
    dict.fromkeys((IndexSettings, *(store.section for store in STORES.values())))
)


def index(sections: Sections, opening: Opening) -> Searchable:
    """All of it, opened once for the ports that share it.

    Raises:
        UserError: a store is away, or holds something else.
    """

    def opened() -> Searchable:
        from connectors.together import Together

        chosen = sections.of(IndexSettings)
        stores = {name: _open(name, sections, opening) for name in chosen.stores}
        dense, lexical = stores[chosen.dense], stores[chosen.lexical]
        if dense is lexical:
            return dense
        here = (store for name, store in stores.items() if STORES[name].here)
        return Together(dense, lexical, keeper=next(here, lexical))

    return opening.once("index", opened)


def reached(sections: Sections) -> str:
    """What is behind the index, once every server of it has answered; makes nothing there.

    Raises:
        UserError: one does not, or lets nobody in.
    """
    chosen = sections.of(IndexSettings)
    with ExitStack() as stack:
        for name in chosen.stores:
            store = STORES[name]
            if store.reach is not None:
                store.reach(sections.of(store.section), Opening(sections.data, stack))
    return f"vectors in {chosen.dense}, words in {chosen.lexical}"


def dump(sections: Sections, tenant: str | None = None) -> Iterable[str]:
    """JSON lines of everything searchable: of the folder from its worker, or else from a server.

    Raises:
        UserError: the folder cannot be read, or the server not reached.
    """
    chosen = sections.of(IndexSettings)
    here = (name for name in chosen.stores if STORES[name].here)
    yield from dump_of(next(here, chosen.stores[0]), sections, tenant)


def dump_of(name: str, sections: Sections, tenant: str | None = None) -> Iterator[str]:
    """The same of one of the stores."""
    if STORES[name].here:
        yield from edge.dump(sections.of(IndexSettings).name, sections.data, tenant)
        return
    with ExitStack() as stack:
        store = _open(name, sections, Opening(sections.data, stack))
        yield from map(edge.as_line, store.scan(tenant))


def _open(name: str, sections: Sections, opening: Opening) -> Any:
    from processors.ports import IndexVersion
    from streams.release.versions import pins

    store = STORES[name]
    encoder = sections.of(EncoderSettings)
    dimensions = encoder.dimensions if encoder.elsewhere else DIMENSIONS
    model = encoder.name if encoder.elsewhere else pins()["embedding_model"]
    version = IndexVersion(sections.of(IndexSettings).name, dimensions, model)
    return store.open(sections.of(store.section), version, opening)
