"""all-MiniLM-L6-v2 in this process as ports: the embedder and its token counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from connectors.minilm.embedder import MiniLM
    from processors.ports import Embedder, TokenCounter


class EmbeddingSettings(Section):
    """How the embedded model runs."""

    section: ClassVar[str] = "embedding"

    engine: Literal["auto", "openvino", "openvino-f32", "onnxruntime"] = Field(
        default="auto", description="auto: the fastest here, measured once for this machine"
    )
    streams: int = Field(default=0, ge=0, description="Parallel model streams; 0: one per core")
    tokens: int = Field(default=256, ge=16, le=512, description="Longest input of the model")


def embedder(settings: EmbeddingSettings, opening: Opening) -> Embedder:
    """The model, loaded and run once, so that no question waits for that."""
    model = opening.stack.enter_context(_model(settings, opening))
    model.embed_queries(["ready"])
    return model


def counter(settings: EmbeddingSettings, opening: Opening) -> TokenCounter:
    """The model's tokenizer; loads no more than that."""
    return _model(settings, opening)


def _model(settings: EmbeddingSettings, opening: Opening) -> MiniLM:
    from connectors.minilm.embedder import MiniLM

    def made() -> MiniLM:
        return MiniLM(
            opening.data / "model",
            max_tokens=settings.tokens,
            streams=settings.streams,
            engine=settings.engine,
        )

    return opening.once("minilm", made)
