"""Settings of models of vectors and of models that re-order: behind an endpoint, or in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, TypeVar

from pydantic import Field, SecretStr, model_validator

from streams.flow.section import Section

Dtype = Literal["auto", "float32", "float16", "bfloat16"]
DIGEST = r"^([0-9a-fA-F]{64})?$"
_SHOWN = 8  # characters of a digest in a name


class _Elsewhere(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def digest(self) -> str: ...


M = TypeVar("M", bound=_Elsewhere)


def _sound(said: M, section: str) -> M:
    """Raises ValueError where a model is half configured, or twice."""
    setting = f"MILLRACE_{section.upper()}"
    if said.url and said.folder:
        raise ValueError(f"set {setting}__URL or {setting}__FOLDER, not both")
    if said.url and not said.model:
        raise ValueError(f"{setting}__URL is set: name {setting}__MODEL too")
    return said


def _name(said: _Elsewhere) -> str:
    if said.folder is None:
        return said.model
    return f"{said.model or said.folder.name}@{said.digest[:_SHOWN].lower()}"


class EncoderSettings(Section):
    """A model of vectors in place of the built-in one: behind an endpoint, or in a folder."""

    section: ClassVar[str] = "encoder"

    url: str = Field(default="", description="What /embeddings is below")
    model: str = Field(default="", description="Its name, which is that of its vector space")
    folder: Path | None = Field(default=None, description="A SentenceTransformer, in this process")
    digest: str = Field(default="", pattern=DIGEST, description="Of the folder's files")
    device: str = Field(default="auto", description="auto: a GPU where there is one")
    dtype: Dtype = Field(default="auto", description="auto: float16 on a GPU, else float32")
    dimensions: int = Field(default=384, ge=2, le=65_535)
    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    ca_file: Path | None = Field(default=None, description="The authority of its certificate")
    timeout_s: float = Field(default=30.0, gt=0, le=600, description="Of a call, retries included")
    concurrency: int = Field(default=4, ge=1, le=256)
    retries: int = Field(default=2, ge=0, le=10)
    batch: int = Field(default=64, ge=1, le=2048, description="Texts of one call")
    query_prefix: str = Field(default="", description="In front of each question")
    passage_prefix: str = Field(default="", description="In front of each passage")
    input_type: bool = Field(
        default=False, description="The endpoint is told which texts are queries and passages"
    )
    sentences: bool = Field(
        default=False, description="Each sentence of a passage is embedded too, at a text's cost"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return _sound(self, self.section)

    @property
    def elsewhere(self) -> bool:
        """Whether another model takes the place of the built-in one."""
        return bool(self.url or self.folder)

    @property
    def name(self) -> str:
        """Of its vector space; of weights in a folder their digest is a part of it."""
        return _name(self)


class RerankerSettings(Section):
    """A model that reads each passage with the question. Empty: the order is by what is stored."""

    section: ClassVar[str] = "reranker"

    url: str = Field(default="", description="What /rerank is below")
    model: str = ""
    folder: Path | None = Field(default=None, description="A CrossEncoder, in this process")
    digest: str = Field(default="", pattern=DIGEST, description="Of the folder's files")
    device: str = Field(default="auto", description="auto: a GPU where there is one")
    dtype: Dtype = Field(default="auto", description="auto: float16 on a GPU, else float32")
    batch: int = Field(default=32, ge=1, le=1024, description="Pairs that are read at once")
    tokens: int = Field(default=512, ge=16, description="Of a question with a passage, at most")
    form: Literal["jina", "tei"] = Field(
        default="jina", description="How it is asked: as Jina, Cohere and vLLM have it, or TEI"
    )
    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    ca_file: Path | None = Field(default=None, description="The authority of its certificate")
    timeout_s: float = Field(default=2.0, gt=0, le=60, description="Then passages stay as they are")
    concurrency: int = Field(default=8, ge=1, le=256)
    passages: int = Field(default=30, ge=1, le=1000, description="Of a question, that are read")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return _sound(self, self.section)

    @property
    def configured(self) -> bool:
        """Whether any model re-orders."""
        return bool(self.url or self.folder)

    @property
    def name(self) -> str:
        """As answers say it."""
        return _name(self)
