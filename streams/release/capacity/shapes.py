"""Larger models on a GPU: measured on one H200, bf16, random weights, so speed alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

BUSY = 0.7


@dataclass(frozen=True, slots=True)
class Shape:
    """Passages of 240 tokens a second; a query of 32 tokens, and 30 pairs of 300, in seconds."""

    name: str
    passages: float
    query: float
    pairs: float

    def gpus(self, chunks: float, questions: float) -> int:
        """For so many a second: embedding both, and re-ranking 30 passages of each question."""
        busy = chunks / self.passages + questions * (self.query + self.pairs)
        return max(1, math.ceil(busy / BUSY))


SHAPES = (
    Shape("MiniLM-L6", 40_500, 0.0050, 0.0031),
    Shape("BERT base", 9_260, 0.0047, 0.0051),
    Shape("XLM-R large (bge-m3, bge-reranker-v2-m3)", 3_100, 0.0092, 0.0138),
    Shape("Qwen3-0.6B", 836, 0.027, 0.051),
    Shape("Qwen3-8B", 136, 0.033, 0.280),
)
