"""Pairs as batches of tensors: each question with passages that answer it and some that do not."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

START, SEPARATOR = 101, 102
TAKEN = 2  # of each kind of negatives, an epoch

Row = tuple[int, int, int]  # numbers of the texts: question, context, passage


@dataclass(frozen=True, slots=True)
class Data:
    """What `drawing.arrays` made: token ids of texts, and pairs of them with their spans."""

    texts: list[Any]
    pairs: Any
    spans: Any
    sets: Any
    names: list[str]


def read(path: Path, part: int) -> Data:
    """Of the file one group in `part`."""
    with np.load(path) as found:
        texts = np.split(found["texts"], found["ends"][:-1])
        some = found["pairs"][:, 0] % part == 0
        names = [str(n) for n in found["names"]]
        return Data(texts, found["pairs"][some], found["spans"][some], found["sets"], names)


def groups(data: Data, *, held: bool) -> dict[int, list[int]]:
    """Numbers of the pairs of each question, of what is left out of training or of the rest."""
    by_group: dict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(data.pairs):
        if bool(row[6]) == held:
            by_group[int(row[0])].append(number)
    return by_group


def inputs(data: Data, rows: list[Row]) -> tuple[Any, Any, Any]:
    """ids, types and where the passage begins, of (question, context, passage)."""
    made: list[tuple[Any, int, int]] = []
    for question, context, passage in rows:
        q, c, p = data.texts[question], data.texts[context], data.texts[passage]
        second = 2 + len(q)
        begin = second + (len(c) + 1 if len(c) else 0)
        ids = np.concatenate(
            [[START], q, [SEPARATOR], c, [SEPARATOR] if len(c) else [], p, [SEPARATOR]]
        ).astype(np.int64)
        made.append((ids, second, begin))
    longest = max(len(ids) for ids, _, _ in made)
    longest = -(-longest // 16) * 16
    ids = np.zeros((len(made), longest), np.int64)
    types = np.zeros((len(made), longest), np.int64)
    for row, (each, second, _) in enumerate(made):
        ids[row, : len(each)] = each
        types[row, second : len(each)] = 1
    return ids, types, np.array([begin for _, _, begin in made])


@dataclass(slots=True)
class Group:
    """Passages of one question, `labels` 1 where they answer, `spans` of their tokens."""

    rows: list[Row]
    labels: list[float]
    spans: list[Any]
    length: int


def epoch(
    data: Data, by_group: dict[int, list[int]], negatives: dict[int, Any], rng: random.Random
) -> list[Group]:
    """Of each question one passage that answers, and other ones each time that do not."""
    made: list[Group] = []
    for group, numbers in by_group.items():
        yes = [n for n in numbers if data.pairs[n][4]]
        no = [n for n in numbers if not data.pairs[n][4]]
        chosen = ([rng.choice(yes)] if yes else []) + rng.sample(no, min(TAKEN, len(no)))
        rows = [_row(data.pairs[n]) for n in chosen]
        labels = [float(data.pairs[n][4] != 0) for n in chosen]
        spans = [data.spans[n] for n in chosen]
        question = rows[0][0]
        near = negatives.get(group, [])
        for context, passage in rng.sample(near, min(TAKEN, len(near))):
            rows.append((question, context, passage))
            labels.append(0.0)
            spans.append(np.full(12, -1, np.int16))
        length = max(sum(len(data.texts[t]) for t in row) + 4 for row in rows)
        made.append(Group(rows, labels, spans, length))
    rng.shuffle(made)
    return made


def _row(pair: Any) -> Row:
    return int(pair[1]), int(pair[2]), int(pair[3])


def batches(groups: list[Group], tokens: int, rng: random.Random) -> list[list[Group]]:
    """Groups of like length, of at most `tokens` with padding, in random order."""
    made: list[list[Group]] = []
    for at in range(0, len(groups), 20_000):
        batch: list[Group] = []
        rows = 0
        for each in sorted(groups[at : at + 20_000], key=lambda g: g.length):
            if batch and (rows + len(each.rows)) * each.length > tokens:
                made.append(batch)
                batch, rows = [], 0
            batch.append(each)
            rows += len(each.rows)
        if batch:
            made.append(batch)
    rng.shuffle(made)
    return made


def tensors(torch: Any, data: Data, batch: list[Group], device: str) -> tuple[Any, ...]:
    """ids, types, group of each row, labels, and which tokens are the passage's, begin an answer
    and end one."""
    rows = [row for each in batch for row in each.rows]
    ids, types, begins = inputs(data, rows)
    of = np.concatenate([np.full(len(g.rows), n) for n, g in enumerate(batch)])
    labels = np.array([label for g in batch for label in g.labels], np.float32)
    passage = np.zeros(ids.shape, bool)
    first = np.zeros(ids.shape, bool)
    last = np.zeros(ids.shape, bool)
    at = 0
    for group in batch:
        for row, spans in zip(group.rows, group.spans, strict=True):
            begin = begins[at]
            passage[at, begin : begin + len(data.texts[row[2]])] = True
            for a, b in zip(spans[::2], spans[1::2], strict=True):
                if a >= 0:
                    first[at, begin + a] = last[at, begin + b] = True
            at += 1
    arrays = (ids, types, of, labels, passage, first, last)
    return tuple(torch.from_numpy(each).to(device, non_blocking=True) for each in arrays)
