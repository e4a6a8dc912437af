"""A network that reads a question together with a passage: whether it answers, and where.

It is all-MiniLM-L6-v2 trained further (`evaluation.research.reading`); what training changed is in
a file of `policies/`, `pair_graph.py` says how a network is made of both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from tokenizers import Encoding, Tokenizer

from connectors.minilm import changes
from connectors.minilm.embedder import GRAPH as ENCODER
from connectors.minilm.embedder import SEPARATOR, tokenizer, weights_file
from connectors.minilm.engines import LENGTH_STEP, Engine, Graph, Int32, Run, batches, load, padded
from connectors.weights import digest_of
from processors.ports import Asking, Float32, Reading

GRAPH = 1  # raise it when `pair_graph.build` changes, so that cached graphs are built again
START = 101  # [CLS]
QUESTION, CONTEXT, TOKENS = 64, 40, 352  # tokens that are read: of each, and in all


@dataclass(frozen=True, slots=True)
class _Input:
    """A question and passage as tokens; `second` is where the passage's context begins."""

    ids: Int32
    second: int
    begin: int  # of the passage itself
    offsets: list[tuple[int, int]]  # of its tokens, in characters


@dataclass(frozen=True, slots=True)
class _Session:
    run: Run
    tokens: Tokenizer
    pool: ThreadPoolExecutor


class PairReader:
    """`Reader`; entering it as a context manager loads the network.

    `cache` keeps its graph. `streams` batches run at once, one core each; 0 means one per core.
    Raises `UserError` on entering if the weights or the model's package are missing or damaged.
    """

    def __init__(
        self, cache: Path, weights: Path, *, engine: Engine = "auto", streams: int = 0
    ) -> None:
        self._cache = cache
        self._weights = weights
        self._engine: Engine = engine
        self._streams = streams or len(os.sched_getaffinity(0))
        self._session: _Session | None = None
        self._digest = ""

    @property
    def model(self) -> str:
        """The SHA-256 of the weights, in hexadecimal."""
        return self._digest

    def __enter__(self) -> Self:
        self._digest = digest_of(self._weights)
        run = load(_graph(self._weights), self._cache, self._engine, self._streams)
        pool = ThreadPoolExecutor(self._streams, "reader")
        self._session = _Session(run, tokenizer(), pool)
        return self

    def __exit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.pool.shutdown()

    def read(self, askings: Sequence[Asking]) -> list[Reading]:
        """See `Reader`. Raises `RuntimeError` outside the context."""
        session = self._session
        if session is None:
            raise RuntimeError("the reader is used outside its context: enter it first")
        read = _inputs(session.tokens, askings)
        found: dict[int, Reading] = {}

        def work(batch: list[int]) -> None:
            some = [read[i] for i in batch]
            ids, types, mask = tensors([(each.ids, each.second) for each in some])
            said = session.run(ids, types, mask)
            length = ids.shape[1]
            for row, (i, each) in enumerate(zip(batch, some, strict=True)):
                begin, end = each.begin, each.begin + len(each.offsets)
                found[i] = Reading(
                    float(said[row, 0]),
                    each.offsets,
                    said[row, 1 + begin : 1 + end].copy(),
                    said[row, 1 + length + begin : 1 + length + end].copy(),
                    len(each.ids),
                )

        split = list(batches([len(each.ids) for each in read], self._streams))
        for _ in map(work, split) if len(split) == 1 else session.pool.map(work, split):
            pass
        return [found[i] for i in range(len(read))]


def _inputs(tokens: Tokenizer, askings: Sequence[Asking]) -> list[_Input]:
    questions = _encoded(tokens, [each.question for each in askings])
    contexts = _encoded(tokens, [each.context for each in askings])
    texts = _encoded(tokens, [each.text for each in askings])
    found: list[_Input] = []
    for question, context, text in zip(questions, contexts, texts, strict=True):
        first = [START, *question.ids[:QUESTION], SEPARATOR]
        around = [*context.ids[:CONTEXT], SEPARATOR] if context.ids else []
        begin = len(first) + len(around)
        passage = text.ids[: TOKENS - begin - 1]
        ids = np.array([*first, *around, *passage, SEPARATOR], np.int32)
        found.append(_Input(ids, len(first), begin, text.offsets[: len(passage)]))
    return found


def _encoded(tokens: Tokenizer, texts: list[str]) -> list[Encoding]:
    """Each text once, however often it is read: a question is read with several passages."""
    once = list(dict.fromkeys(texts))
    made = tokens.encode_batch(once, add_special_tokens=False)
    known = dict(zip(once, made, strict=True))
    return [known[text] for text in texts]


def tensors(some: Sequence[tuple[Int32, int]]) -> tuple[Int32, Float32, Float32]:
    """The inputs of `pair_graph`: ids, types and mask, each (pairs, tokens).

    Of each pair its token ids, and where the second text begins.
    """
    length = padded(max(len(own) for own, _ in some))
    ids = np.zeros((len(some), length), np.int32)
    types, mask = np.zeros((2, len(some), length), np.float32)
    for row, (own, second) in enumerate(some):
        ids[row, : len(own)] = own
        types[row, second : len(own)] = 1
        mask[row, : len(own)] = 1
    return ids, types, mask


def _graph(path: Path) -> Graph:
    def make() -> bytes:
        from connectors.minilm.pair_graph import build  # onnx: only ever needed here

        return build("reader", changes.weights(path, 0)).SerializeToString()

    made = f"graph {GRAPH} on {ENCODER} of {digest_of(path)}"
    source = f"{made}, {digest_of(weights_file())}"
    one = np.ones((1, LENGTH_STEP), np.float32)
    return Graph("reader", source, make, (one.astype(np.int32), one, one))
