"""Any SentenceTransformer in a folder as `Embedder`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from connectors.encoding import Dtype
from connectors.sentence_transformers.loading import device_of, library, options
from processors.ports import Embedding, Float32, Passage
from streams.flow.errors import UserError

SETTING = "MILLRACE_ENCODER"


class SentenceEncoder:
    """`Embedder` in this process; entering it loads the model. Safe to use from several threads.

    `query_prompt` and `passage_prompt` stand in front of texts; where they are empty, the model's
    own prompts do, as its folder names them (`query`, `document`). Each batch is a turn of its own,
    so that a question waits for one batch of passages at most.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        dimensions: int,
        *,
        device: str = "auto",
        dtype: Dtype = "auto",
        batch: int = 64,
        query_prompt: str = "",
        passage_prompt: str = "",
        sentences: bool = False,
    ) -> None:
        self._folder = folder
        self.model = name
        self.dimensions = dimensions
        self._dtype: Dtype = dtype
        self._device, self._batch = device, batch
        self._query_prompt, self._passage_prompt = query_prompt, passage_prompt
        self._sentences = sentences
        self._turn = threading.Lock()
        self._loaded: Any = None

    def __enter__(self) -> Self:
        """Load it.

        Raises:
            UserError: it cannot be loaded, or its vectors are of another size than was said.
        """
        found = library(SETTING)
        device = device_of(self._device)
        try:
            self._loaded = found.SentenceTransformer(
                str(self._folder), **options(device, self._dtype)
            )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"the model in {self._folder} cannot be loaded: {said}") from error
        size = self.embed_queries(["ready"]).shape[1]
        if size != self.dimensions:
            raise UserError(
                f"the model in {self._folder} gives vectors of {size} dimensions, and "
                f"{SETTING}__DIMENSIONS is {self.dimensions}"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._loaded = None

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self._loaded.device)

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        """See `Embedder`."""
        return self._embed(queries, self._query_prompt, "encode_query")

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """See `Embedder`. Sentences have vectors of their own where it is set so."""
        texts: list[str] = []
        sizes: list[int] = []
        for each in passages:
            flat = each.sentences if self._sentences else ()
            spans = zip(flat[::2], flat[1::2], strict=True)
            texts.append(f"{each.context}\n{each.text}" if each.context else each.text)
            texts += [each.text[start:end] for start, end in spans]
            sizes.append(1 + len(flat) // 2)
        vectors = self._embed(texts, self._passage_prompt, "encode_document").astype(np.float16)
        ends = np.cumsum(sizes, dtype=int).tolist()
        return [
            Embedding(vectors[end - size], vectors[end - size + 1 : end])
            for size, end in zip(sizes, ends, strict=True)
        ]

    def _embed(self, texts: Sequence[str], prompt: str, way: str) -> Float32:
        """Unit vectors, (texts, dimensions): in batches by length, and back in order."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        said = {"prompt": prompt} if prompt else {}
        rows: list[Any] = []
        for at in range(0, len(order), self._batch):
            some = [texts[i] for i in order[at : at + self._batch]]
            with self._turn:
                rows.append(
                    getattr(self._loaded, way)(
                        some,
                        batch_size=self._batch,
                        normalize_embeddings=True,
                        convert_to_numpy=True,
                        show_progress_bar=False,
                        **said,
                    )
                )
        found: Float32 = np.concatenate(rows).astype(np.float32)
        back = np.empty_like(found)
        back[order] = found
        return back
