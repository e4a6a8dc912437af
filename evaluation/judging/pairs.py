"""What the cross-encoder learns from: claims made from public texts, and pairs of captions.

None of it comes from the sets that the judge is measured on.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from evaluation.judging.corruptions import Corrupter, Neighbours, declare, names
from processors.ports import Float32
from processors.sentences import split_sentences
from schemas.errors import UserError

# Claims made of each set's texts, at most. Few of one domain: it is variety that carries over.
CLAIMS = {
    "xquad_en": 2200, "clapnq": 2200, "scifact": 1300, "obliqa": 800, "pubmedqa": 600,
    "policyqa": 300,
}  # fmt: skip
ANSWER_WORDS = 8  # a longer answer is no name or number to exchange
VOCABULARY = (1996, 16000)  # of the tokenizer's words, from the first whole one to rare ones


class Pair(NamedTuple):
    """A claim, its evidence, and whether it is supported; `source` is where they come from."""

    claim: str
    evidence: str
    supported: bool
    source: str


def build(folder: Path, neighbours: Neighbours, seed: int) -> list[Pair]:
    """All pairs, in an order that `seed` decides. Raises `UserError` where a set is missing."""
    rng = random.Random(seed)
    try:
        texts = {name: _texts(folder, name) for name in CLAIMS}
        far = [n for name in ("xquad_en", "clapnq") for text in texts[name] for n in names(text)]
        corrupter = Corrupter(rng, neighbours, far)
        pairs = [
            pair
            for name, some in texts.items()
            for pair in _claims(rng, corrupter, name, some, CLAIMS[name])
        ]
        pairs.extend(_answers(rng, corrupter, _rows(folder / "xquad_en/questions.jsonl.gz")))
        pairs.extend(
            Pair(row["hypothesis"], row["premise"], row["label"] == "ENTAILMENT", "sick")
            for row in _rows(folder / "sick/pairs.jsonl.gz")
        )
    except OSError as error:
        raise UserError(f"the public data is not whole: {error}") from error
    rng.shuffle(pairs)
    return pairs


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _texts(folder: Path, name: str) -> list[str]:
    """The passages of a set, each once."""
    match name:
        case "clapnq":
            files = ("dev_answerable.jsonl.gz", "dev_unanswerable.jsonl.gz")
            rows = (row for file in files for row in _rows(folder / name / file))
            found = [passage["text"] for row in rows for passage in row["passages"]]
        case "scifact" | "obliqa":
            found = [row["text"] for row in _rows(folder / name / "corpus.jsonl.gz")]
        case "pubmedqa":
            found = [" ".join(r["contexts"]) for r in _rows(folder / name / "questions.jsonl.gz")]
        case _:
            file = "dev" if name == "policyqa" else "questions"
            found = [row["context"] for row in _rows(folder / name / f"{file}.jsonl.gz")]
    return list(dict.fromkeys(found))


def _claims(
    rng: random.Random, corrupter: Corrupter, source: str, texts: Sequence[str], most: int
) -> Iterator[Pair]:
    places = [
        (text, spans, n)
        for text in texts
        for spans in [split_sentences(text, markdown=False)]
        for n in range(len(spans))
        if 7 <= len(text[slice(*spans[n])].split()) <= 36
    ]
    rng.shuffle(places)
    made = 0
    for text, spans, n in places:
        if made >= most:
            return
        sentence = text[slice(*spans[n])]
        evidence = _window(rng, text, spans, n)
        claim = corrupter.shorten(sentence) if rng.random() < 0.85 else sentence
        pairs = [Pair(claim, evidence, True, source)]
        stem = corrupter.shorten(sentence) if rng.random() < 0.6 else sentence
        false = corrupter.corrupt(stem, evidence)
        if false:
            pairs.append(Pair(false, evidence, False, source))
        if rng.random() < 0.3 and len(spans) > 2:  # what stands beside it says nothing of it
            other = rng.choice([i for i in range(len(spans)) if i != n])
            beside = text[slice(*spans[other])]
            pairs.append(Pair(corrupter.shorten(sentence), beside, False, source))
        made += len(pairs)
        yield from pairs


def _window(rng: random.Random, text: str, spans: Sequence[tuple[int, int]], n: int) -> str:
    first = max(0, n - rng.choice([0, 0, 1]))
    last = min(len(spans) - 1, n + rng.choice([0, 0, 1]))
    return text[spans[first][0] : spans[last][1]]


def _answers(
    rng: random.Random, corrupter: Corrupter, rows: Iterator[dict[str, Any]]
) -> Iterator[Pair]:
    """Questions declared with their answer, and with another of its kind."""
    by_context: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        answer = row["answers"][0]
        text = answer["text"] if isinstance(answer, dict) else answer
        by_context.setdefault(row["context"], []).append((row["question"], text))  # pyright: ignore[reportUnknownArgumentType]
    for context, asked in by_context.items():
        spans = split_sentences(context, markdown=False)
        for question, answer in asked:
            at = context.find(answer)
            n = next((i for i, (start, end) in enumerate(spans) if start <= at < end), None)
            claim = declare(question, answer)
            if n is None or claim is None or len(answer.split()) > ANSWER_WORDS:
                continue
            evidence = _window(rng, context, spans, n)
            yield Pair(claim, evidence, True, "answers")
            other = _another(rng, corrupter, answer, [text for _, text in asked])
            false = declare(question, other) if other else None
            if false:
                yield Pair(false, evidence, False, "answers")


def _another(
    rng: random.Random, corrupter: Corrupter, answer: str, others: Sequence[str]
) -> str | None:
    alike = [
        other
        for other in others
        if _kind(other) == _kind(answer)
        and len(other.split()) <= ANSWER_WORDS
        and other.lower() not in answer.lower()
        and answer.lower() not in other.lower()
    ]
    if _kind(answer) == "number" and rng.random() < 0.5:
        return corrupter.exchange_number(answer, alike)
    if alike and rng.random() < 0.8:
        return rng.choice(alike)
    return corrupter.exchange_word(answer) or corrupter.exchange_name(answer, alike)


def _kind(answer: str) -> str:
    if any(c.isdigit() for c in answer):
        return "number"
    return "name" if answer[:1].isupper() else "other"


class StaticNeighbours:
    """`Neighbours` by the input embeddings of the model, centred."""

    def __init__(self, embeddings: Float32, tokenizer: Tokenizer) -> None:
        self._ids = tokenizer.get_vocab()
        centred = embeddings - embeddings[slice(*VOCABULARY)].mean(0)
        self._vectors = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        self._words = [
            word
            for word, i in sorted(self._ids.items(), key=lambda item: item[1])
            if VOCABULARY[0] <= i < VOCABULARY[1] and word.isalpha() and len(word) > 2
        ]
        self._rows = self._vectors[[self._ids[word] for word in self._words]]
        self._known: dict[str, list[str]] = {}

    def __call__(self, word: str) -> list[str]:
        if word not in self._known:
            self._known[word] = self._find(word)
        return self._known[word]

    def _find(self, word: str) -> list[str]:
        """The next dozen but one: the nearest is often a synonym, one of its stem says the same."""
        i = self._ids.get(word, 0)
        if i < VOCABULARY[0]:
            return []
        near = self._rows @ self._vectors[i]
        order = np.argsort(-near)[1:25]
        other = [self._words[n] for n in order if near[n] > 0.25]
        return [each for each in other if each[:4] != word[:4]][1:12]
