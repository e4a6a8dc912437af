"""A process of `ingest`: the embedder alone, on the chunks that the pipeline would give it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from evaluation.bench.child import serve
from evaluation.bench.corpus import Corpus
from evaluation.stages import open_stages, through
from processors.documents.chunk import context_of
from processors.needs import EMBEDDER
from processors.ports import Embedder, Passage
from schemas.events import DocumentChunked
from streams.app.settings import load

_open = ExitStack()
_prepared: list[tuple[Embedder, list[Passage]]] = []


def prepare(name: str, folder: str | None, tenant: str, count: int) -> dict[str, int]:
    """Chunk the documents and load the model; returns how many documents and chunks."""
    settings = load()
    stages = open_stages(settings, _open, ["ingest", "chunk", "embed"])
    embedder = stages.ports[EMBEDDER]
    corpus = Corpus(name, Path(folder) if folder else None)
    documents = corpus.documents(settings, tenant, count)
    changed = through(stages["ingest"], documents)
    passages = _passages(through(stages["chunk"], changed))
    embedder.embed_passages(passages[:16])
    _prepared.append((embedder, passages))
    return {"documents": len(documents), "chunks": len(passages)}


def embed() -> float:
    """Seconds for all chunks in one call, which lets the embedder batch them as it likes best."""
    embedder, passages = _prepared[0]
    begin = time.perf_counter()
    embedder.embed_passages(passages)
    return time.perf_counter() - begin


def _passages(events: Sequence[object]) -> list[Passage]:
    """What `embed` gives the model: each text once."""
    found: dict[str, Passage] = {}
    for event in events:
        assert isinstance(event, DocumentChunked)
        for chunk in event.chunks:
            context = context_of(event.document.title, chunk.heading)
            found.setdefault(chunk.text_hash, Passage(context, chunk.text, chunk.sentences))
    return list(found.values())


if __name__ == "__main__":
    with _open:
        serve({"prepare": prepare, "embed": embed})
