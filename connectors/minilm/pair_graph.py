"""A network that reads two texts together: all-MiniLM-L6-v2's layers, trained further, with heads.

Inputs: `input_ids` (pairs, tokens) int32, [CLS] first [SEP] second [SEP], right-padded; `types`
(pairs, tokens) float32, 1 for the second and its end; `attention_mask` (pairs, tokens) float32, 1
for a pair's own tokens.

Which words of the two texts are the same, a cross-encoder learns with pains. So it is told: every
head adds to its attention a weight of its own for equal tokens across the two texts, for those
before and for those after equal ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto

from connectors.minilm.graph import FLOAT, HEADS, LAYERS, Encoder
from processors.ports import Float32

LAST_MARK = 999  # token ids up to this one are marks and never words
RELATIONS = 3  # of two tokens: they are equal; those after them are; those before them are
TENSORS = (
    "whole.inner.weight",
    "whole.inner.bias",
    "whole.outer.weight",
    "whole.outer.bias",
    "token.read.weight",
    "token.embedded.weight",
    "token.pair.weight",
    "token.found.weight",
    "token.inner.bias",
    "token.outer.weight",
    "token.outer.bias",
    *(f"encoder.layer.{layer}.relations" for layer in range(LAYERS)),
)  # that the published model has not


class PairEncoder(Encoder):
    def __init__(self, weights: Mapping[str, Float32]) -> None:
        super().__init__(weights)
        for name, numbers in {
            "axis.1": [1],
            "axis.2": [2],
            "axes.12": [1, 2],
            "zeros": [0],
            "ones": [1],
            "from": [1, 1],
            "to": [-1, -1],
            "begin": [0, 0],
            "far.end": [np.iinfo(np.int64).max] * 2,
            "pad.after": [0, 0, 0, 0, 1, 1],
            "pad.before": [0, 1, 1, 0, 0, 0],
        }.items():
            self.constant(name, np.array(numbers))

    def equal(self) -> str:
        """(pairs, tokens, tokens): 1 for equal words, one in each text."""
        mark = self.constant("last mark", np.array([LAST_MARK], np.int32))
        word = self.node("Greater", ["input_ids", mark], "is word")
        word = self.node("Cast", [word], "word", to=FLOAT)
        same = self.node("Equal", self._both("input_ids"), "same id")
        same = self.node("Cast", [same], "same", to=FLOAT)
        across = self.node("Sub", self._both("types"), "types apart")
        across = self.node("Abs", [across], "across")
        same = self.node("Mul", [same, across], "same across")
        rows = self.node("Unsqueeze", [word, "axis.2"], "word.rows")
        return self.node("Mul", [same, rows], "equal")

    def _both(self, name: str) -> list[str]:
        rows = self.node("Unsqueeze", [name, "axis.2"], f"{name}.rows")
        columns = self.node("Unsqueeze", [name, "axis.1"], f"{name}.columns")
        return [rows, columns]

    def relations(self, equal: str) -> str:
        """(pairs, `RELATIONS`, tokens, tokens)."""
        after = self.node("Pad", [equal, "pad.after"], "equal.after.padded")
        after = self.node("Slice", [after, "from", "far.end", "axes.12"], "equal.after")
        before = self.node("Pad", [equal, "pad.before"], "equal.before.padded")
        before = self.node("Slice", [before, "begin", "to", "axes.12"], "equal.before")
        each = [
            self.node("Unsqueeze", [name, "axis.1"], f"{name}.one")
            for name in (equal, after, before)
        ]
        return self.node("Concat", each, "relations", axis=1)

    def read(self) -> tuple[str, str, str, str]:
        """The tokens as read and as embedded, the first of each pair, and which are equal."""
        mask, equal = self.mask(), self.equal()
        relations = self.relations(equal)
        x = embedded = self.embeddings("types")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            weight = self.weights[f"{layer}.relations"].reshape(HEADS, RELATIONS, 1, 1)
            told = self.constant(f"{layer}.relations", weight)
            told = self.node("Conv", [relations, told], f"{layer}.told")
            x = self.layer(x, self.node("Add", [told, mask], f"{layer}.added"), layer)
        return x, embedded, self.node("Slice", [x, "zeros", "ones", "axis.1"], "first"), equal

    def whole(self, x: str, first: str) -> str:
        """(pairs, 1), from the first token and the mean of the first text's."""
        one = self.constant("type one", np.ones(1, np.float32))
        own = self.node("Sub", [one, "types"], "not second")
        own = self.node("Mul", [own, "attention_mask"], "own")
        row = self.node("Unsqueeze", [own, "axis.1"], "own.row")
        total = self.node("MatMul", [row, x], "own.sum")
        count = self.node("ReduceSum", [row, "axis.2"], "own.count", keepdims=1)
        mean = self.node("Div", [total, count], "own.mean")
        both = self.node("Concat", [first, mean], "pooled", axis=2)
        inner = self.node("Tanh", [self.linear(both, "whole.inner")], "whole.tanh")
        return self.node("Squeeze", [self.linear(inner, "whole.outer"), "axis.2"], "whole")

    def each(self, x: str, embedded: str, first: str, equal: str) -> str:
        """(pairs, outputs * tokens), of each token as read, as embedded, and whether it was found;
        as many outputs as `token.outer` has, one after the other."""
        found = self.node("ReduceMax", [equal, "axis.2"], "found", keepdims=1)
        inner = self.constant("token.inner.bias", self.weights["token.inner.bias"])
        for part, what in (("read", x), ("embedded", embedded), ("pair", first), ("found", found)):
            name = f"token.{part}"
            weight = self.constant(f"{name}.w", self.weights[f"{name}.weight"].T)
            product = self.node("MatMul", [what, weight], f"{name}.product")
            inner = self.node("Add", [inner, product], f"{name}.sum")
        outer = self.linear(self.node("Gelu", [inner], "token.gelu"), "token.outer")
        turned = self.node("Transpose", [outer], "token.turned", perm=[0, 2, 1])
        return self.node("Flatten", [turned], "token.flat", axis=1)

    def reading(self, name: str) -> onnx.ModelProto:
        """The whole network; its output `said` is (pairs, 1 + outputs * tokens) float32."""
        x, embedded, first, equal = self.read()
        parts = [self.whole(x, first), self.each(x, embedded, first, equal)]
        self.node("Concat", parts, "said", axis=1)
        tokens = ["pairs", "tokens"]
        inputs = {
            "input_ids": (TensorProto.INT32, tokens),
            "types": (FLOAT, tokens),
            "attention_mask": (FLOAT, tokens),
        }
        return self.model(name, inputs, ("said", ["pairs", "said tokens"]))


def build(name: str, weights: Mapping[str, Float32]) -> onnx.ModelProto:
    """From the published tensors, trained ones in the place of theirs, and `TENSORS`."""
    return PairEncoder(weights).reading(name)
