"""all-MiniLM-L6-v2 in this process as ports: the embedder, its token counter, the reader."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from connectors.weights import UnvouchedError, digest_of, manifest
from streams.flow.caching import kept
from streams.flow.errors import Retry, UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from connectors.minilm.embedder import MiniLM
    from processors.ports import Asking, Embedder, Reader, Reading, TokenCounter

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parents[2] / "policies" / "answering" / "reader.npz"


class EmbeddingSettings(Section):
    """How the embedded model runs."""

    section: ClassVar[str] = "embedding"

    engine: Literal["auto", "openvino", "openvino-f32", "onnxruntime"] = Field(
        default="auto", description="auto: the fastest here, measured once for this machine"
    )
    streams: int = Field(default=0, ge=0, description="Parallel model streams; 0: one per core")
    tokens: int = Field(default=256, ge=16, le=512, description="Longest input of the model")


class ReadingSettings(Section):
    """How the passages of a question are read."""

    section: ClassVar[str] = "reading"

    weights: Path = Field(default=SHIPPED, description="The file that policies/answering.yaml pins")
    streams: int = Field(default=0, ge=0, description="Parallel model streams; 0: one per core")


def embedder(settings: EmbeddingSettings, opening: Opening) -> Embedder:
    """The model, loaded and run once, so that no question waits for that."""
    _published(opening)
    model = opening.stack.enter_context(_model(settings, opening))
    model.embed_queries(["ready"])
    return model


def counter(settings: EmbeddingSettings, opening: Opening) -> TokenCounter:
    """The model's tokenizer; loads no more than that."""
    return _model(settings, opening)


def reader(settings: ReadingSettings, opening: Opening) -> Reader:
    """The reader, loaded and run once; without usable weights one that reads nothing.

    Raises:
        UnvouchedError: the weights are there, and others than the manifest has.
    """
    from connectors.minilm.reader import PairReader
    from processors.ports import Asking

    try:
        _published(opening)
        manifest(opening).check("reader", digest_of(settings.weights), settings.weights)
        made = PairReader(_graphs(opening), settings.weights, streams=settings.streams)
        opened = opening.stack.enter_context(made)
    except UnvouchedError:
        raise
    except UserError as error:
        log.warning("%s: questions are answered by similarity and words alone", error)
        return Unread(str(error))
    opened.read([Asking("ready?", "", "ready")])
    return opened


class Unread:
    """In the place of a reader whose weights are missing or damaged."""

    model = ""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def read(self, askings: Sequence[Asking]) -> list[Reading]:  # noqa: ARG002
        """Raises `Retry`, always."""
        raise Retry(self._reason)


def _graphs(opening: Opening) -> Path:
    """Of this user, since making them takes seconds and 350 MB, and they are the same for all."""
    return kept("models", opening.data / "model")


def _published(opening: Opening) -> None:
    """Raises `UserError` unless the published weights are those of the manifest."""
    from connectors.minilm.embedder import MiniLM, weights_file

    file = weights_file()
    manifest(opening).check(f"{MiniLM.model}/{file.name}", digest_of(file), file)


def _model(settings: EmbeddingSettings, opening: Opening) -> MiniLM:
    from connectors.minilm.embedder import MiniLM, tokens_file

    def made() -> MiniLM:
        file = tokens_file()
        manifest(opening).check(f"{MiniLM.model}/{file.name}", digest_of(file), file)
        return MiniLM(
            _graphs(opening),
            max_tokens=settings.tokens,
            streams=settings.streams,
            engine=settings.engine,
        )

    return opening.once("minilm", made)
