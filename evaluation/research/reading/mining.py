"""The nearest passages that do not answer: by vectors and BM25, as questions meet them later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluation.research.reading.batches import SEPARATOR, START, Data
from evaluation.research.reading.network import LAST_MARK, MASKED, PADDING, embedded, layers

MINED = 12  # nearest passages without the answer, of which each epoch takes other ones
BM25_WEIGHT, K1, B = 0.45, 0.9, 0.4
ALIKE = 0.85  # a passage so near to one that answers may answer too
VOCABULARY = 30_522  # token ids of the encoder


Paper = tuple[int, int]  # numbers of the texts: context, passage


@dataclass(slots=True)
class _Set:
    """The passages of one set by place, and what is asked about them."""

    papers: dict[Paper, int] = field(default_factory=dict[Paper, int])
    asked: dict[int, int] = field(default_factory=dict[int, int])  # of a group, its question
    own: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # that answer it
    answers: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))  # as tokens
    whole: set[int] = field(default_factory=set[int])  # groups whose passages answer as a whole


def mined(torch: Any, w: dict[str, Any], data: Data, device: str) -> dict[int, list[Paper]]:
    """Of each group the nearest passages of its set that do not answer.

    A passage that has the answer's words elsewhere may answer too; so may one that is much like a
    passage that answers as a whole.
    """
    found: dict[int, list[Paper]] = {}
    for some in _sets(data):
        papers = [*some.papers]
        vectors = _vectors(torch, w, data, papers, device)
        terms = _bm25(torch, data, papers, device)
        groups = [group for group in some.asked if some.own[group]]
        for at in range(0, len(groups), 512):
            block = groups[at : at + 512]
            asks = _vectors(torch, w, data, [(-1, some.asked[g]) for g in block], device)
            lexical = _words(torch, data, [some.asked[g] for g in block], device) @ terms.T
            score = _fused(asks @ vectors.T, lexical.float())
            best = score.topk(min(2 * MINED, len(papers)), 1).indices
            for group, row in zip(block, best, strict=True):
                likely = some.own[group]
                if group in some.whole:
                    near = (vectors[sorted(likely)] @ vectors[row].T).amax(0) > ALIKE
                    likely = likely | set(row[near].tolist())
                places: list[int] = row.tolist()
                others = [papers[each] for each in places if each not in likely]
                answers = some.answers[group]
                found[group] = [
                    (context, passage)
                    for context, passage in others
                    if not any(_inside(a, data.texts[passage].tobytes()) for a in answers)
                ][:MINED]
    return found


def _sets(data: Data) -> Collection[_Set]:
    product = data.names.index("product") if "product" in data.names else -1
    found: dict[int, _Set] = defaultdict(_Set)
    for row, spans in zip(data.pairs, data.spans, strict=True):
        group, question, context, passage, answer, mine, _ = map(int, row)
        if not mine or data.sets[group] == product:
            continue
        some = found[int(data.sets[group])]
        place = some.papers.setdefault((context, passage), len(some.papers))
        some.asked[group] = question
        if answer:
            some.own[group].add(place)
        if answer < 0:
            some.whole.add(group)
        for first, last in zip(spans[::2], spans[1::2], strict=True):
            if first >= 0:
                some.answers[group].append(data.texts[passage][first : last + 1].tobytes())
    return found.values()


def _fused(dense: Any, lexical: Any) -> Any:
    """As questions are: both between 0 and 1, weighed."""
    low = dense.amin(1, keepdim=True)
    dense = (dense - low) / (dense.amax(1, keepdim=True) - low).clamp(min=1e-6)
    lexical = lexical / lexical.amax(1, keepdim=True).clamp(min=1e-6)
    return (1 - BM25_WEIGHT) * dense + BM25_WEIGHT * lexical


def _words(torch: Any, data: Data, questions: Sequence[int], device: str) -> Any:
    """(questions, vocabulary): 1 for each token that a question has."""
    table = torch.zeros(len(questions), VOCABULARY, dtype=torch.float16, device=device)
    for row, question in enumerate(questions):
        table[row, torch.from_numpy(data.texts[question].astype(np.int64)).to(device)] = 1
    return table


def _inside(part: bytes, whole: bytes) -> bool:
    at = whole.find(part)
    while at >= 0:
        if at % 2 == 0:  # two bytes a token
            return True
        at = whole.find(part, at + 1)
    return False


def _whole(x: Any) -> Any:
    return x


def _vectors(torch: Any, w: dict[str, Any], data: Data, papers: list[Paper], device: str) -> Any:
    """Of papers, or of questions where the context is -1: unit length, as the embedder has it."""
    made: list[Any] = [None] * len(papers)
    rows = [
        np.concatenate([[START], data.texts[c] if c >= 0 else [], data.texts[p], [SEPARATOR]])
        for c, p in papers
    ]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        at = 0
        while at < len(order):
            size = max(60_000 // len(rows[order[min(at + 400, len(order) - 1)]]), 1)
            block = order[at : at + size]
            at += size
            longest = max(len(rows[i]) for i in block)
            ids = np.zeros((len(block), longest), np.int64)
            for row, i in enumerate(block):
                ids[row, : len(rows[i])] = rows[i]
            tensor = torch.from_numpy(ids).to(device)
            own = tensor != PADDING
            mask = ((~own).to(torch.bfloat16) * MASKED)[:, None, None, :]
            x = embedded(torch, w, tensor, torch.zeros_like(tensor), _whole)
            x = layers(torch, w, x, mask, (), _whole).float() * own[..., None]
            x = torch.nn.functional.normalize(x.sum(1), dim=-1)
            for row, i in enumerate(block):
                made[i] = x[row]
    return torch.stack(made)


def _bm25(torch: Any, data: Data, papers: list[Paper], device: str) -> Any:
    """(papers, vocabulary) of what each token adds to a question that has it."""
    table = torch.zeros(len(papers), VOCABULARY, dtype=torch.float16, device=device)
    lengths = np.array([len(data.texts[c]) + len(data.texts[p]) for c, p in papers], np.float32)
    mean = lengths.mean()
    counts = np.zeros(VOCABULARY, np.int64)
    each: list[tuple[Any, Any]] = []
    for c, p in papers:
        ids, often = np.unique(
            np.concatenate([data.texts[c], data.texts[p]]).astype(np.int64), return_counts=True
        )
        counts[ids] += 1
        each.append((ids, often))
    idf = np.log1p((len(papers) - counts + 0.5) / (counts + 0.5)).astype(np.float32)
    idf[: LAST_MARK + 1] = 0
    for row, (ids, often) in enumerate(each):
        norm = K1 * (1 - B + B * lengths[row] / mean)
        value = idf[ids] * often * (K1 + 1) / (often + norm)
        table[row, torch.from_numpy(ids).to(device)] = torch.from_numpy(value).to(device).half()
    return table
