"""The networks that read a claim together with its evidence.

Each is all-MiniLM-L6-v2, trained further (`learn.py`) on text with changed names, numbers, words
and negations, on what is not mentioned, and on questions with wrong answers. Every token of the
claim is given a logit of not being supported; the claim is as good as its worst token. The reader
says the mean of its networks. What training changed of the published weights is in the wheel
`millrace-judge` (`weights.py`); `connectors.minilm.pair_graph` says how a network is made of both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from tokenizers import Tokenizer

from connectors.minilm import changes
from connectors.minilm.embedder import GRAPH as ENCODER
from connectors.minilm.embedder import SEPARATOR, tokenizer, weights_file
from connectors.minilm.engines import LENGTH_STEP, Engine, Graph, Int32, Run, batches, load
from connectors.minilm.reader import tensors as pair_tensors
from connectors.weights import digest_of
from evaluation.quality.judging.weights import shipped
from evaluation.quality.judging.words import Words, by_sentence
from processors.ports import Float32

GRAPH = 2  # raise it when `pair_graph.build` changes, so that cached graphs are built again
CLAIM_TOKENS, TOKENS = 64, 420  # that are read
EVIDENCE_WORDS = 200  # of longer evidence, the sentences most alike are read
SURE_WORDS = 110  # of evidence; the longer it is beyond, the less a reading counts
SHORTEST = 8  # words that are worth a further sentence
QUOTED = 4.0  # the logit of a sentence of the evidence; the networks give most about as much


@dataclass(frozen=True, slots=True)
class Input:
    """A claim and evidence as tokens; `claim` of them are the claim's, marks included."""

    ids: Int32
    claim: int


def inputs(tokens: Tokenizer, texts: Sequence[tuple[str, str]], most: int = TOKENS) -> list[Input]:
    """Of each (claim, evidence), at most `most` tokens."""
    claims = tokens.encode_batch([claim for claim, _ in texts])
    evidence = tokens.encode_batch([text for _, text in texts], add_special_tokens=False)
    found: list[Input] = []
    for one, other in zip(claims, evidence, strict=True):
        first = one.ids[:CLAIM_TOKENS]
        first[-1] = SEPARATOR
        ids = [*first, *other.ids[: most - len(first) - 1], SEPARATOR]
        found.append(Input(np.array(ids, np.int32), len(first)))
    return found


def tensors(some: Sequence[Input]) -> tuple[Int32, Float32, Float32]:
    """The graph's inputs: ids, types and mask, each (pairs, tokens)."""
    return pair_tensors([(each.ids, each.claim) for each in some])


def chosen(claim: Words, evidence: Words) -> str:
    """What is read of the evidence: the sentences most like the claim, in order, while they fit."""
    text, spans = evidence.sentences.text, evidence.sentences.spans
    if len(evidence.lower) <= EVIDENCE_WORDS:
        return text
    numbers = np.unique(evidence.sentence)
    words, matches = by_sentence(claim, evidence, claim.vectors @ evidence.vectors.T)
    taken: list[int] = []
    left = EVIDENCE_WORDS
    order: list[int] = np.argsort(-matches).tolist()
    for at in order:
        if not taken or len(words[at]) <= left:
            taken.append(int(numbers[at]))
            left -= len(words[at])
        if left < SHORTEST:
            break
    return " ".join(text[slice(*spans[n])] for n in sorted(taken))


@dataclass(frozen=True, slots=True)
class _Session:
    runs: Sequence[Run]
    tokens: Tokenizer
    pool: ThreadPoolExecutor


class Reader:
    """Entering it as a context manager loads the networks; `cache` keeps their graphs."""

    def __init__(
        self,
        cache: Path,
        streams: int = 0,
        path: Path | None = None,
        *,
        engine: Engine = "auto",
    ) -> None:
        self._cache = cache
        self._engine: Engine = engine
        self._streams = streams or len(os.sched_getaffinity(0))
        self._path = path
        self._session: _Session | None = None

    def __enter__(self) -> Self:
        graphs = _graphs(self._path or shipped())
        runs = [load(each, self._cache, self._engine, self._streams) for each in graphs]
        pool = ThreadPoolExecutor(self._streams, "reader")
        self._session = _Session(runs, tokenizer(), pool)
        return self

    def __exit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.pool.shutdown()

    def read(self, texts: Sequence[tuple[Words, Words]]) -> Float32:
        """Of each claim and evidence a logit of support, the higher the better; 0 without words.

        It is multiplied by the root of the share that `SURE_WORDS` are of the evidence, where it is
        longer: the more there is, the more may be overlooked. A claim that is a sentence of the
        evidence has `QUOTED` or more. Raises `RuntimeError` outside the context.
        """
        session = self._session
        if session is None:
            raise RuntimeError("the reader is used outside its context: enter it first")
        known = [i for i, (claim, evidence) in enumerate(texts) if claim.lower and evidence.lower]
        pairs = [(texts[i][0].sentences.text, chosen(*texts[i])) for i in known]
        read = inputs(session.tokens, pairs)
        shares = [min(1.0, SURE_WORDS / len(texts[i][1].lower)) for i in known]
        found = np.zeros(len(texts), np.float32)

        def work(batch: list[int]) -> None:
            ids, types, mask = tensors([read[i] for i in batch])
            claim = (1 - types) * mask
            said = [support(run(ids, types, mask), claim) for run in session.runs]
            logits = np.mean(said, axis=0) * np.sqrt([shares[i] for i in batch])
            found[[known[i] for i in batch]] = logits

        for _ in session.pool.map(work, batches([len(each.ids) for each in read], self._streams)):
            pass
        quoted = [i for i in known if _quoted(*texts[i])]
        found[quoted] = np.maximum(found[quoted], QUOTED)
        return found


def _quoted(claim: Words, evidence: Words) -> bool:
    """Whether the claim is a sentence of the evidence: less may be denied by what stands around."""
    text, spans = evidence.sentences.text, evidence.sentences.spans
    said = _plain(claim.sentences.text)
    return any(_plain(text[start:end]) == said for start, end in spans)


def _plain(sentence: str) -> str:
    return " ".join(sentence.lower().split()).removesuffix(".")


def support(said: Float32, claim: Float32) -> Float32:
    """Logits, (pairs,), from the graph's output and a mask of the claim's tokens.

    The whole's less that of the worst token, as a smooth maximum: half the log of the sum of
    squares of the odds.
    """
    wrong = np.where(claim > 0, 2 * said[:, 1:], -np.inf)
    return said[:, 0] - np.logaddexp.reduce(wrong, axis=1) / 2


def _graphs(path: Path) -> list[Graph]:
    def make(number: int) -> bytes:
        from connectors.minilm.pair_graph import build  # onnx: only ever needed here

        return build("judge-reader", changes.weights(path, number)).SerializeToString()

    made = f"graph {GRAPH} on {ENCODER} of {digest_of(path)}"
    source = f"{made}, {digest_of(weights_file())}"
    one = np.ones((1, LENGTH_STEP), np.float32)
    example = (one.astype(np.int32), one, one)
    return [
        Graph(f"judge-reader-{number}", source, partial(make, number), example)
        for number in range(changes.networks(path))
    ]
