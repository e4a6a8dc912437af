"""`python -m evaluation.judging.learn`: trains the judge's readers; needs `pip install jax`.

From open text alone (`pairs.py`): no set that the judge is measured on is read. A thousandth of the
encoder's work, so minutes on two cores. The same data gives the same pairs; sums in another order
give weights that differ a little.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from connectors.minilm import MiniLM
from evaluation.judging import pairs, questions, reader, words
from evaluation.judging.labelled import Judged
from evaluation.judging.reader import DIMENSIONS, HEADS, KEY, WIDTH, Pair
from evaluation.statistics import auc
from processors.ports import Float32
from schemas.errors import UserError

SEEDS = (1, 2, 3, 4)  # one network each
EPOCHS = 3  # later the claims that are held back are judged no better
BATCH, RATE, DECAY, DROPPED = 64, 2e-3, 1e-5, 0.1
SMALL = (20, 32)  # words of claim and evidence; most pairs are no larger
LARGE = (reader.CLAIM_WORDS, reader.EVIDENCE_WORDS)
TWINS = {"xquad": 4000, "clapnq": 4000, "pubmedqa": 2000}
SINGLES = 1500
# Every so many-th pair, to see that training works. Its twins are trained on, and most of these are
# the supported first of four: it is no measure of the judge, `agreement.py` is.
HELD_BACK = 20

Weights = dict[str, Any]
Labels = NDArray[np.bool_]


def main(
    folder: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path(
        "../shared/data"
    ),
    output: Annotated[Path, typer.Option(help="The file of weights.")] = reader.SHIPPED,
) -> None:
    """Train the judge's readers on changed text, and write their weights."""
    console = Console(stderr=True, highlight=False)
    try:
        jax = import_module("jax")
    except ImportError:
        console.print("[red]error:[/red] training the reader needs JAX: pip install jax")
        raise typer.Exit(2) from None
    try:
        made = draw(folder)
    except OSError as error:
        console.print(f"[red]error:[/red] {UserError(f'{folder}: {error}')}")
        raise typer.Exit(2) from None
    console.print(f"{len(made)} pairs made")
    with tempfile.TemporaryDirectory() as cache, MiniLM(Path(cache)) as encoder:
        read, labels = embedded(encoder, made)
    console.print(f"{len(read)} pairs read")
    trained = [train(jax, read, labels, seed, console) for seed in SEEDS]
    half = {
        name: np.stack([np.asarray(weights[name], np.float16) for weights in trained])
        for name in trained[0]
    }
    np.savez_compressed(output, allow_pickle=False, **half)


def draw(folder: Path) -> list[Judged]:
    """All pairs. Raises `OSError` if a set is not in `folder`."""
    found: list[Judged] = []
    for name, texts in pairs.texts(folder).items():
        changer = pairs.Changer(texts, name)
        found += [*changer.twins(TWINS[name]), *changer.singles(SINGLES)]
    return found + questions.pairs(pairs.answered(folder), "questions")


def embedded(encoder: MiniLM, made: Sequence[Judged]) -> tuple[list[Pair], Labels]:
    """What the reader reads of each pair; pairs without words are left out."""
    found: list[Pair] = []
    labels: list[bool] = []
    for at in range(0, len(made), BATCH):
        some = made[at : at + BATCH]
        texts = words.read(encoder, [text for each in some for text in (each.claim, each.context)])
        for each, claim, evidence in zip(some, texts[::2], texts[1::2], strict=True):
            if (one := reader.pair(claim, evidence)) is not None:
                found.append(_halved(one))
                labels.append(each.supported)
    return found, np.array(labels, bool)


def _halved(one: Pair) -> Pair:
    """Vectors in half precision, a copy: else a pair keeps its whole text's vectors alive."""
    claim, evidence = one.claim.astype(np.float16), one.evidence.astype(np.float16)
    return Pair(claim, one.claim_kinds, evidence, one.evidence_kinds, one.same, one.share)  # pyright: ignore[reportArgumentType]


def train(jax: Any, read: Sequence[Pair], labels: Labels, seed: int, console: Console) -> Weights:
    """One network. Adam with a falling rate; supported and unsupported weigh the same."""
    xp = jax.numpy
    back = np.arange(len(read)) % HELD_BACK == 0
    rows = np.flatnonzero(~back)
    signs = np.where(labels, 1.0, -1.0).astype(np.float32)
    true = float(labels[rows].mean())
    share = np.where(labels, 0.5 / true, 0.5 / (1 - true)).astype(np.float32)

    def loss(weights: Weights, data: Weights, y: Any, w: Any, kept: Any) -> Any:
        data = data | {name: data[name] * kept for name in ("claim", "evidence")}
        fit = (w * xp.logaddexp(0, -y * reader.logits(xp, weights, data))).sum() / w.sum()
        return fit + DECAY * sum((weights[n] ** 2).sum() for n in ("words", "compare", "around"))

    def adam(
        weights: Weights, mean: Weights, square: Weights, step: Any, rate: Any, *data: Any
    ) -> Any:
        value, slope = jax.value_and_grad(loss)(weights, *data)
        down, up = rate / (1 - 0.9**step), 1 - 0.99**step
        mean = {n: 0.9 * mean[n] + 0.1 * slope[n] for n in weights}
        square = {n: 0.99 * square[n] + 0.01 * slope[n] ** 2 for n in weights}
        weights = {
            n: weights[n] - down * mean[n] / (xp.sqrt(square[n] / up) + 1e-8) for n in weights
        }
        return weights, mean, square, value

    jitted = jax.jit(adam)
    rng = np.random.default_rng(seed)
    weights = _initial(rng)
    mean = {name: np.zeros_like(value) for name, value in weights.items()}
    square = dict(mean)
    total = EPOCHS * sum(1 for _ in _batches(read, rows, rng))
    step, begin = 0, time.monotonic()
    for epoch in range(1, EPOCHS + 1):
        losses: list[float] = []
        for some, sizes in _batches(read, rows, rng):
            step += 1
            rate = RATE * min(1, step / 50) * max(0.01, 1 - step / total)
            numbers: list[int] = some.tolist()
            data = reader.batch([read[i] for i in numbers], *sizes)
            kept = (rng.random(DIMENSIONS) > DROPPED).astype(np.float32)
            weights, mean, square, value = jitted(
                weights, mean, square, step, rate, data, signs[some], share[some], kept
            )
            losses.append(float(value))
        tried = {name: np.asarray(value) for name, value in weights.items()}
        held = _auc(tried, read[::HELD_BACK], labels[back])
        console.print(
            f"{time.monotonic() - begin:5.0f} s  seed {seed}, epoch {epoch}: "
            f"loss {np.mean(losses):.3f}, AUC of pairs held back {held:.3f}"
        )
    return weights


def _batches(
    read: Sequence[Pair], rows: NDArray[np.int_], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int_], tuple[int, int]]]:
    """Rows of like size, in random order, with the size they are padded to."""
    numbers: list[int] = rows.tolist()
    fits = (np.array([read[i].same.shape for i in numbers]) <= SMALL).all(1)
    found: list[tuple[NDArray[np.int_], tuple[int, int]]] = []
    for some, size in ((rows[fits], SMALL), (rows[~fits], LARGE)):
        mixed = rng.permutation(some)
        found += [(mixed[at : at + BATCH], size) for at in range(0, len(mixed) - BATCH + 1, BATCH)]
    for number in rng.permutation(len(found)).tolist():
        yield found[number]


def _auc(weights: Weights, read: Sequence[Pair], labels: Labels) -> float:
    scores: list[Float32] = []
    for at in range(0, len(read), BATCH):
        scores.append(reader.logits(np, weights, reader.batch(read[at : at + BATCH], *LARGE)))
    return auc(np.concatenate(scores).astype(np.float64), labels)


def _initial(rng: np.random.Generator) -> Weights:
    features = 2 * HEADS * WIDTH + 3 * WIDTH + 4 + 2 + 4 * HEADS

    def matrix(rows: int, columns: int, scale: float = 1.0) -> Float32:
        return (rng.normal(size=(rows, columns)) * scale * rows**-0.5).astype(np.float32)

    def vector(size: int) -> Float32:
        return (rng.normal(size=size) * 0.05).astype(np.float32)

    # Heads begin as what is known to work: likeness, likeness with its neighbours, equal stems.
    relations = np.zeros((4, HEADS), np.float32)
    relations[0], relations[1] = (8, 12, 4, 8), (2, 0, 6, 2)
    relations[2], relations[3] = (4, 2, 0, 8), (0, 0, 2, 2)
    return {
        "words": matrix(DIMENSIONS, WIDTH, 0.12 * DIMENSIONS**0.5),
        "kinds": matrix(4, WIDTH, 0.3),
        "query": matrix(WIDTH, HEADS * KEY, 0.1),
        "key": matrix(WIDTH, HEADS * KEY, 0.1),
        "relations": relations,
        "compare": matrix(features, 96),
        "compare_bias": np.zeros(96, np.float32),
        "around": matrix(3 * 96, 64),
        "around_bias": np.zeros(64, np.float32),
        "wrong": vector(64),
        "wrong_bias": np.float32(0),
        "mean": vector(64),
        "most": vector(64),
        "bias": np.float32(0),
    }


if __name__ == "__main__":
    typer.run(main)
