"""all-MiniLM-L6-v2 as an ONNX graph with the pooling inside, built from the published weights.

Both engines read the one file. Inputs: `input_ids` (batch, tokens) int32, right-padded, and
`pooling` (batch, spans, tokens) float32 of zeros and ones, a row per vector wanted; its first row
marks the text's own tokens and is the attention mask too. Output: `vectors` (batch, spans, 384)
float32 of length one. A span's mean and its sum differ by a factor that normalising removes, so
the graph sums.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

GRAPH = 1  # part of the file name: raise it when what `build` writes changes
LAYERS = 6
HEADS = 12
DIMENSIONS = 384
LAYER_NORM_EPSILON = 1e-12
MASKED = -1e4  # added to the logits of padding: exp() of it is 0 in bf16 and float32 alike

Array = NDArray[Any]


def read_safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of a safetensors file, as views of a memory map.

    Layout: eight bytes of header length, a JSON header with offsets, the tensors end to end.
    """
    with path.open("rb") as file:
        data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    start = 8 + int(data[:8].view("<u8")[0])
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, entry in json.loads(data[8:start].tobytes()).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            raw = data[start + first : start + last]
            tensors[name] = np.frombuffer(raw, "<f4").reshape(entry["shape"])
    return tensors


class _Graph:
    """Nodes and constants in the making; every method returns the name of its output."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def dense(self, x: str, weight: Array, bias: Array, name: str) -> str:
        product = self.node("MatMul", [x, self.constant(f"{name}.w", weight.T)], f"{name}.xw")
        return self.node("Add", [product, self.constant(f"{name}.b", bias)], f"{name}.y")

    def layer_norm(self, x: str, name: str) -> str:
        scale = self.constant(f"{name}.scale", self.weights[f"{name}.weight"])
        shift = self.constant(f"{name}.shift", self.weights[f"{name}.bias"])
        return self.node("LayerNormalization", [x, scale, shift], name, epsilon=LAYER_NORM_EPSILON)

    def linear(self, x: str, name: str) -> str:
        return self.dense(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], name)

    def embeddings(self) -> str:
        words = self.constant("words", self.weights["embeddings.word_embeddings.weight"])
        # Every token is of type 0, so that type's vector is folded into the positions.
        positions = self.weights["embeddings.position_embeddings.weight"]
        positions = positions + self.weights["embeddings.token_type_embeddings.weight"][0]
        self.node("Shape", ["input_ids"], "length", start=1, end=2)
        inputs = [self.constant("positions", positions), "zero", "length", "zero"]
        here = self.node("Slice", inputs, "positions.here")
        x = self.node("Gather", [words, "input_ids"], "words.here")
        return self.layer_norm(self.node("Add", [x, here], "embedded"), "embeddings.LayerNorm")

    def mask(self) -> str:
        """(batch, 1, 1, tokens), 0 for tokens and `MASKED` for padding."""
        own = self.node("Slice", ["pooling", "zero", "one", "one"], "own")
        own = self.node("Unsqueeze", [own, "one"], "own.wide")
        one = self.constant("one.float", np.float32(1)[None])
        other = self.node("Sub", [one, own], "other")
        return self.node("Mul", [other, self.constant("masked", np.float32(MASKED)[None])], "mask")

    def attention(self, x: str, mask: str, layer: str) -> str:
        name = f"{layer}.attention.self"
        parts = [
            (self.weights[f"{name}.{p}.weight"], self.weights[f"{name}.{p}.bias"])
            for p in ("query", "key", "value")
        ]
        # One product for all three reads x once; the logits' 1/sqrt(width) goes into the query.
        scale = np.float32((DIMENSIONS / HEADS) ** -0.5)
        parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
        weight, bias = (np.concatenate(side) for side in zip(*parts, strict=True))
        y = self.dense(x, weight, bias, f"{name}.qkv")
        outputs = [f"{name}.{p}" for p in "qkv"]
        self.nodes.append(helper.make_node("Split", [y], outputs, name, axis=-1, num_outputs=3))
        orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])  # k comes transposed
        query, key, value = (
            self.node(
                "Transpose",
                [self.node("Reshape", [o, "heads"], f"{o}.split")],
                f"{o}.heads",
                perm=order,
            )
            for o, order in zip(outputs, orders, strict=True)
        )
        logits = self.node("MatMul", [query, key], f"{name}.qk")
        logits = self.node("Add", [logits, mask], f"{name}.logits")
        shares = self.node("Softmax", [logits], f"{name}.shares", axis=-1)
        mixed = self.node("MatMul", [shares, value], f"{name}.mixed")
        mixed = self.node("Transpose", [mixed], f"{name}.mixed.back", perm=[0, 2, 1, 3])
        return self.node("Reshape", [mixed, "joined"], f"{name}.joined")

    def layer(self, x: str, mask: str, layer: str) -> str:
        y = self.linear(self.attention(x, mask, layer), f"{layer}.attention.output.dense")
        y = self.node("Add", [y, x], f"{layer}.attention.sum")
        x = self.layer_norm(y, f"{layer}.attention.output.LayerNorm")
        y = self.linear(x, f"{layer}.intermediate.dense")
        y = self.linear(self.node("Gelu", [y], f"{layer}.gelu"), f"{layer}.output.dense")
        y = self.node("Add", [y, x], f"{layer}.sum")
        return self.layer_norm(y, f"{layer}.output.LayerNorm")


def build(weights: dict[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """The graph of the module's docstring, from the tensors of the published checkpoint."""
    graph = _Graph(weights)
    graph.constant("zero", np.array([0]))
    graph.constant("one", np.array([1]))
    graph.constant("heads", np.array([0, 0, HEADS, DIMENSIONS // HEADS]))
    graph.constant("joined", np.array([0, 0, DIMENSIONS]))
    mask = graph.mask()
    x = graph.embeddings()
    for layer in range(LAYERS):
        x = graph.layer(x, mask, f"encoder.layer.{layer}")
    sums = graph.node("MatMul", ["pooling", x], "sums")
    graph.node("LpNormalization", [sums], "vectors", axis=-1, p=2)
    info = helper.make_tensor_value_info
    inputs = [
        info("input_ids", TensorProto.INT32, ["batch", "tokens"]),
        info("pooling", TensorProto.FLOAT, ["batch", "spans", "tokens"]),
    ]
    outputs = [info("vectors", TensorProto.FLOAT, ["batch", "spans", DIMENSIONS])]
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, graph.constants)
    # Opset 20 is the first with Gelu; both engines have long read it.
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def cached_graph(weights: Path, cache: Path) -> Path:
    """The graph's file in `cache`, written there first if it is missing or damaged."""
    path = cache / f"all-MiniLM-L6-v2-{GRAPH}.onnx"
    seal = path.with_suffix(".crc32")
    if path.exists() and seal.exists() and seal.read_text() == _checksum(path.read_bytes()):
        return path
    cache.mkdir(parents=True, exist_ok=True)
    data = build(read_safetensors(weights)).SerializeToString()
    _write(path, data)
    _write(seal, _checksum(data).encode())
    return path


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x} {len(data)}"


def _write(path: Path, data: bytes) -> None:
    """Atomically, so that a process that starts beside this one never reads half a file."""
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
