"""Trains the cross-encoder: low-rank changes (LoRA) of the embedding model's upper layers.

JAX, which only this needs (the extra `training`). On two cores about half an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.minilm_graph import DIMENSIONS, HEADS, LAYER_NORM_EPSILON, LAYERS, MASKED
from evaluation.judge import HEAD_SCALE
from schemas.errors import UserError

RANK = 16
FIRST_LAYER = 2  # the layers below read one text as two
DROPOUT = 0.1
BATCH_TOKENS = 1536
WARM_UP = 0.06  # of the steps
WEIGHT_DECAY = 1e-4
_LINEAR = (
    "attention.self.query", "attention.self.key", "attention.self.value",
    "attention.output.dense", "intermediate.dense", "output.dense",
)  # fmt: skip

Parameters = dict[str, Any]
Weights = Mapping[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """`steps` of a schedule that rises to `rate` and would fall to zero after `of`."""

    rate: float
    steps: int
    of: int
    epochs: int = 1


def _jax() -> Any:
    try:
        return import_module("jax")
    except ImportError as error:
        raise UserError("training needs JAX: pip install 'millrace[training]'") from error


def begin(weights: Weights, seed: int) -> Parameters:
    """Parameters that change nothing yet, named as `minilm_graph.adapted` reads them."""
    rng = np.random.default_rng(seed)
    made: Parameters = {}
    for layer in range(FIRST_LAYER, LAYERS):
        for part in _LINEAR:
            name = f"encoder.layer.{layer}.{part}"
            outputs, inputs = weights[f"{name}.weight"].shape
            down = rng.normal(size=(inputs, RANK)) / np.sqrt(inputs)
            made[f"{name}.down"] = down.astype(np.float32)
            made[f"{name}.up"] = np.zeros((RANK, outputs), np.float32)
    made["head.weight"] = np.zeros(DIMENSIONS, np.float32)
    made["head.bias"] = np.zeros((), np.float32)
    return made


def train(
    weights: Weights,
    parameters: Parameters,
    texts: Sequence[Sequence[int]],
    labels: NDArray[np.float32],
    shares: NDArray[np.float32],
    schedule: Schedule,
    seed: int,
    say: Say,
) -> Parameters:
    """`parameters` after more steps on `texts` (token ids), their labels and their weights."""
    jax = _jax()
    numpy = jax.numpy
    rng = np.random.default_rng(seed)
    step = jax.jit(partial(_step, jax))
    constant, moving = jax.tree.map(numpy.asarray, (dict(weights), parameters))
    first, second = (jax.tree.map(numpy.zeros_like, moving) for _ in range(2))
    key = jax.random.PRNGKey(seed)
    plan = [rows for _ in range(schedule.epochs) for rows in _batches(texts, rng)]
    losses: list[float] = []
    started = time.monotonic()
    for t, rows in enumerate(plan[: schedule.steps], 1):
        done = t / schedule.of
        rate = schedule.rate * min(1.0, done / WARM_UP) * max(0.02, 1 - done)
        key, drop = jax.random.split(key)
        batch = _padded(texts, rows, labels, shares)
        moving, first, second, loss = step(
            moving, first, second, float(t), rate, constant, *batch, drop
        )
        losses.append(float(loss))
        if t % 50 == 0:
            took = time.monotonic() - started
            say(f"step {t} of {schedule.steps}, loss {np.mean(losses[-50:]):.3f}, {took:.0f} s")
    return {name: np.asarray(value) for name, value in moving.items()}


def _batches(texts: Sequence[Sequence[int]], rng: np.random.Generator) -> list[NDArray[np.int_]]:
    """Rows of like lengths, in random order."""
    order = np.argsort([len(text) + rng.random() * 6 for text in texts], kind="stable")
    batches: list[NDArray[np.int_]] = []
    at = 0
    while at < len(order):
        length = -(-len(texts[order[min(at + 8, len(order) - 1)]]) // 16) * 16
        size = max(4, BATCH_TOKENS // length)
        size = 1 << (size.bit_length() - 1)
        batches.append(order[at : at + size])
        at += size
    return [batches[i] for i in rng.permutation(len(batches))]


def _padded(
    texts: Sequence[Sequence[int]],
    rows: NDArray[np.int_],
    labels: NDArray[np.float32],
    shares: NDArray[np.float32],
) -> Iterator[NDArray[Any]]:
    """Ids, mask, labels and shares, of a shape that is one of few: each is compiled once."""
    length = -(-max(len(texts[i]) for i in rows) // 16) * 16
    size = 1 << (len(rows) - 1).bit_length()
    ids, mask = np.zeros((size, length), np.int32), np.zeros((size, length), np.float32)
    mask[:, 0] = 1
    for row, i in enumerate(rows):
        ids[row, : len(texts[i])] = texts[i]
        mask[row, : len(texts[i])] = 1
    yield ids
    yield mask
    for values in (labels, shares):
        yield np.pad(values[rows], (0, size - len(rows)))


def _step(jax: Any, moving: Any, first: Any, second: Any, t: Any, rate: Any, *rest: Any) -> Any:
    """One of Adam, its gradient clipped to length one."""
    numpy, tree = jax.numpy, jax.tree.map
    weights, ids, mask, labels, shares, key = rest

    def loss(parameters: Any) -> Any:
        logits = _logits(jax, parameters, weights, ids, mask, key)
        return (shares * (numpy.logaddexp(0, logits) - labels * logits)).sum() / shares.sum()

    value, gradient = jax.value_and_grad(loss)(moving)
    length = numpy.sqrt(sum((x**2).sum() for x in jax.tree.leaves(gradient)))
    gradient = tree(lambda x: x * numpy.minimum(1, 1 / (length + 1e-9)), gradient)
    first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = tree(lambda v, g: 0.99 * v + 0.01 * g * g, second, gradient)

    def moved(x: Any, m: Any, v: Any) -> Any:
        move = m / (1 - 0.9**t) / (numpy.sqrt(v / (1 - 0.99**t)) + 1e-8)
        return x - rate * (move + WEIGHT_DECAY * x)

    return tree(moved, moving, first, second), first, second, value


def _logits(jax: Any, parameters: Any, weights: Any, ids: Any, mask: Any, key: Any) -> Any:
    """As `minilm_graph.build` computes it, with the changes beside the weights, and a head."""
    numpy = jax.numpy
    batch, length = ids.shape
    keys = iter(jax.random.split(key, 2 * LAYERS))

    def norm(x: Any, name: str) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        spread = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + LAYER_NORM_EPSILON)
        return centred * spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x: Any, name: str) -> Any:
        y = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        if f"{name}.down" in parameters:
            y = y + x @ parameters[f"{name}.down"] @ parameters[f"{name}.up"]
        return y

    def heads(x: Any, name: str) -> Any:
        y = linear(x, name).reshape(batch, length, HEADS, DIMENSIONS // HEADS)
        return y.transpose(0, 2, 1, 3)

    def dropped(x: Any) -> Any:
        return x * jax.random.bernoulli(next(keys), 1 - DROPOUT, x.shape) / (1 - DROPOUT)

    positions = weights["embeddings.position_embeddings.weight"][:length]
    x = weights["embeddings.word_embeddings.weight"][ids] + positions
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    far = ((1 - mask) * MASKED)[:, None, None, :]
    for layer in (f"encoder.layer.{n}" for n in range(LAYERS)):
        query, key_, value = (heads(x, f"{layer}.{part}") for part in _LINEAR[:3])
        logits = query @ key_.transpose(0, 1, 3, 2) * (DIMENSIONS / HEADS) ** -0.5
        mixed = jax.nn.softmax(logits + far, -1) @ value
        mixed = mixed.transpose(0, 2, 1, 3).reshape(batch, length, DIMENSIONS)
        y = dropped(linear(mixed, f"{layer}.attention.output.dense"))
        x = norm(x + y, f"{layer}.attention.output.LayerNorm")
        y = jax.nn.gelu(linear(x, f"{layer}.intermediate.dense"), approximate=False)
        x = norm(x + dropped(linear(y, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")
    first = x[:, 0] / numpy.linalg.norm(x[:, 0], axis=-1, keepdims=True)
    return first @ parameters["head.weight"] * HEAD_SCALE + parameters["head.bias"]
