"""Vectors from an OpenAI-compatible endpoint (`/embeddings`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import openai

from connectors.openai_compatible.calls import AWAY_S, Calls, Endpoint, Said
from connectors.openai_compatible.counts import counts
from connectors.openai_compatible.refusing import Misled
from processors.ports import Embedding, Float32, Passage
from streams.flow.errors import Retry, UserError
from streams.flow.port import Watch, unwatched

SMALLEST = 1e-6  # length of a vector that has a direction


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model of vectors, as its server knows it. Its name stands for its vector space."""

    model: str
    dimensions: int
    query_prefix: str = ""  # in front of a question, and of a passage, as the model was trained
    passage_prefix: str = ""
    batch: int = 64  # texts of one call
    sentences: bool = False  # whether each sentence of a passage is embedded beside it
    input_type: bool = False  # whether the server is told which texts are queries, which passages


class EndpointEmbedder:
    """`Embedder` over HTTP. `counted` hears the tokens that the server says it read.

    A passage's sentences have vectors of their own only where the encoder is set so: each costs
    what a text costs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        encoder: Encoder,
        *,
        counted: Callable[[int], None] | None = None,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._calls = Calls(endpoint, away_s=away_s, watch=watch)
        self._encoder = encoder
        self._counted = counted
        self._at_once = endpoint.at_once
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self.model = encoder.model
        self.dimensions = encoder.dimensions

    def open(self) -> None:
        """Make ready what is made once.

        Raises:
            UserError: its vectors are of another size than was said, or it lets nobody in.
        """
        self._calls.open()
        try:
            self.embed_queries(["ready"])
        except Retry as error:
            if isinstance(error.__cause__, WrongSizeError):
                raise UserError(str(error.__cause__)) from None
            if isinstance(error, Misled):
                raise UserError(str(error)) from None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._calls.close()

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        """See `Embedder`.

        Raises:
            Retry: the server does not answer, or gives what are no such vectors.
        """
        return self._embed([self._encoder.query_prefix + each for each in queries], "query")

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """See `Embedder`, and `embed_queries` for errors."""
        prefix = self._encoder.passage_prefix
        texts: list[str] = []
        sizes: list[int] = []
        for each in passages:
            whole = f"{each.context}\n{each.text}" if each.context else each.text
            flat = each.sentences if self._encoder.sentences else ()
            spans = zip(flat[::2], flat[1::2], strict=True)
            texts += [prefix + text for text in (whole, *(each.text[a:b] for a, b in spans))]
            sizes.append(1 + len(flat) // 2)
        vectors = self._embed(texts, "passage").astype(np.float16)
        ends = np.cumsum(sizes, dtype=int).tolist()
        return [
            Embedding(vectors[end - size], vectors[end - size + 1 : end])
            for size, end in zip(sizes, ends, strict=True)
        ]

    def _embed(self, texts: Sequence[str], kind: str) -> Float32:
        """Unit vectors, (texts, dimensions)."""
        size = self._encoder.batch
        parts = [texts[at : at + size] for at in range(0, len(texts), size)]
        if not parts:
            return np.empty((0, self.dimensions), np.float32)
        # One alone is asked for here, since a question need not pay for a hop to a thread.
        one = partial(self._one, kind=kind)
        found = map(one, parts) if len(parts) == 1 else self._threads().map(one, parts)
        return np.concatenate([*found])

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._at_once, "embeddings")
            return self._pool

    def _one(self, texts: Sequence[str], kind: str) -> Float32:
        async def call(client: openai.AsyncOpenAI, said: Said) -> Float32:  # noqa: ARG001
            # A blank text is refused by some servers.
            asked = [text if text.strip() else "." for text in texts]
            answer = await client.embeddings.create(
                model=self.model,
                input=asked,
                encoding_format="float",
                extra_body={"input_type": kind} if self._encoder.input_type else None,
            )
            if self._counted is not None:
                self._counted(counts(answer.usage)[0])
            ordered = sorted(answer.data, key=lambda each: each.index)
            return self._vectors([each.embedding for each in ordered], len(texts))

        return self._calls.make(call)

    def _vectors(self, rows: Sequence[Sequence[float]], count: int) -> Float32:
        if len(rows) != count:
            raise ValueError(f"{len(rows)} vectors for {count} texts")
        if sizes := {len(row) for row in rows} - {self.dimensions}:
            raise WrongSizeError(
                f"{self.model} gives vectors of {max(sizes)} dimensions, and "
                f"MILLRACE_ENCODER__DIMENSIONS is {self.dimensions}"
            )
        found = np.asarray(rows, np.float32)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths < SMALLEST).any():
            raise ValueError("a vector without a direction")
        return found / lengths


class WrongSizeError(ValueError):
    """Another model answers than was said."""
