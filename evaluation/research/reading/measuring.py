"""What a trained reader is worth on what was left out of training, by set."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluation.research.reading.batches import Data, Group, batches, epoch, groups, tensors
from evaluation.research.reading.network import logits
from evaluation.statistics import auc


@dataclass(slots=True)
class _Seen:
    scores: list[float] = field(default_factory=list[float])
    labels: list[float] = field(default_factory=list[float])
    first: list[bool] = field(default_factory=list[bool])  # the best passage answers
    inside: list[bool] = field(default_factory=list[bool])  # the likeliest token is an answer's

    def line(self, name: str) -> str:
        first, inside = (np.mean(each) if each else 0 for each in (self.first, self.inside))
        answers = auc(np.array(self.scores), np.array(self.labels) > 0)
        return (
            f"{name:22} {len(self.scores):6} AUC {answers:.3f}"
            f" first {first:.3f} inside {inside:.3f}"
        )


def measured(
    torch: Any,
    weights: dict[str, Any],
    data: Data,
    negatives: dict[int, Any],
    device: str,
    tokens: int,
) -> Iterator[str]:
    """A line for each set and one for all: AUC of answering, how often the best passage is right,
    and how often the likeliest first token stands in the answer."""
    rng = random.Random(0)
    made: list[Group] = []
    names: dict[int, str] = {}
    for group, numbers in groups(data, held=True).items():
        made += epoch(data, {group: numbers}, negatives, rng)
        names[id(made[-1])] = data.names[data.sets[group]]
    seen: dict[str, _Seen] = defaultdict(_Seen)
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        for batch in batches(made, tokens, rng):
            arrays = tensors(torch, data, batch, device)
            whole, ends = logits(torch, weights, arrays[0], arrays[1], train=False)
            start = torch.where(arrays[4], ends[..., 0], -1e4).argmax(1)
            at = (start - arrays[4].float().argmax(1)).tolist()
            scores = whole.tolist()
            for group in batch:
                size = len(group.rows)
                for each in (seen[names[id(group)]], seen["all"]):
                    _add(each, group, scores[:size], at[:size])
                scores, at = scores[size:], at[size:]
    for name in sorted(seen, key=lambda name: (name == "all", name)):
        yield seen[name].line(name)


def _add(seen: _Seen, group: Group, scores: Sequence[float], at: Sequence[int]) -> None:
    seen.scores += scores
    seen.labels += group.labels
    if any(group.labels) and len(scores) > 1:
        seen.first.append(bool(group.labels[int(np.argmax(scores))]))
    for place, spans in zip(at, group.spans, strict=True):
        if spans[0] >= 0:
            ends = zip(spans[::2], spans[1::2], strict=True)
            seen.inside.append(any(a <= place <= b for a, b in ends))
