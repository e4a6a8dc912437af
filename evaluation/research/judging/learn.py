"""`python -m evaluation.research.judging.learn`: trains the judge's reader; needs torch.

From open text and SICK (`drawing.py`): no set that the judge is measured on is read. Twenty
minutes on two cores for each network. The same data gives the same pairs; sums in another order
give weights that differ a little.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from connectors.minilm.changes import packed
from connectors.minilm.embedder import tokenizer, weights_file
from connectors.minilm.graph import (
    DIMENSIONS,
    HEADS,
    LAYER_NORM_EPSILON,
    LAYERS,
    MASKED,
    read_safetensors,
)
from connectors.minilm.pair_graph import LAST_MARK, RELATIONS
from evaluation.quality.judging import reader
from evaluation.quality.judging.weights import CHECKOUT, KEPT
from evaluation.research.judging import drawing
from evaluation.research.judging.labelled import Judged
from processors.ports import Float32
from streams.flow.errors import UserError

NETWORKS = ("", " 2")  # each learns from pairs of its own: the seeds they are drawn with
# Of a pair. Longer ones are left out: what says that a claim is true may stand beyond.
TOKENS = 320
BATCH_TOKENS, SORTED_AT_ONCE = 2048, 2000
RATE, HEADS_RATE, DECAY, WARM, LARGEST = 1.5e-4, 2e-4, 0.01, 0.06, 1.0
DROPPED = 0.1
FROZEN = ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight")

Weights = Mapping[str, Any]


def main(
    folder: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path(
        "../shared/data"
    ),
    output: Annotated[Path, typer.Option(help="The file of weights.")] = CHECKOUT,
) -> None:
    """Train the judge's reader on changed text, and write what changed of its weights."""
    console = Console(stderr=True, highlight=False)
    try:
        torch = import_module("torch")
    except ImportError:
        console.print("[red]error:[/red] training the reader needs PyTorch: pip install torch")
        raise typer.Exit(2) from None
    try:
        drawn = [drawing.draw(folder, each) for each in NETWORKS]
        published = read_safetensors(weights_file())
        with _replaced(output) as file:  # opened first: what cannot be written is told at once
            trained = [
                train(torch, published, made, seed, console)
                for seed, made in enumerate(drawn, start=1)
            ]
            np.savez_compressed(file, allow_pickle=False, **packed(published, trained, KEPT))
    except UserError as error:
        console.print(f"[red]error:[/red] {error}")
        raise typer.Exit(2) from None


@contextmanager
def _replaced(path: Path) -> Generator[IO[bytes]]:
    """A file that takes the place of `path` when it is whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def train(
    torch: Any,
    published: Mapping[str, Float32],
    made: Sequence[Judged],
    seed: int,
    console: Console,
) -> dict[str, Float32]:
    """All tensors that are trained, as they end. AdamW with a rate that rises, then falls to 0.

    Every pair is read once.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    pairs = [(each.claim, each.context) for each in made]
    every = reader.inputs(tokenizer(), pairs, TOKENS + 1)
    whole = [i for i, each in enumerate(every) if len(each.ids) <= TOKENS]
    read = [every[i] for i in whole]
    labels = np.array([made[i].supported for i in whole], np.float32)
    weights = _initial(torch, published)
    heads = [weights[name] for name in weights if name not in published]
    body = [weights[name] for name in weights if name in published and name not in FROZEN]
    for each in (*heads, *body):
        each.requires_grad_(True)
    rates = (RATE, HEADS_RATE)
    groups = [{"params": body, "lr": RATE}, {"params": heads, "lr": HEADS_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
    lengths = [len(each.ids) for each in read]
    batches = _batches(lengths, rng)
    begin, running = time.monotonic(), 0.0
    for step, some in enumerate(batches, start=1):
        share = min(step / (WARM * len(batches)), 1) * max(1 - step / len(batches), 0.02)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share
        arrays = reader.tensors([read[i] for i in some])
        ids, types, mask = (torch.from_numpy(each) for each in arrays)
        with torch.autocast("cpu", torch.bfloat16):
            found = logits(torch, weights, ids.long(), types, mask)
        wanted = torch.from_numpy(labels[some])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(found, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_((*heads, *body), LARGEST)
        optimizer.step()
        running += (loss.item() - running) * max(0.02, 1 / step)
        if step % 100 == 0:
            seconds = time.monotonic() - begin
            console.print(f"{seconds:5.0f} s  step {step} of {len(batches)}: loss {running:.3f}")
    return {name: each.detach().numpy() for name, each in weights.items() if name not in FROZEN}


def logits(torch: Any, w: Weights, ids: Any, types: Any, mask: Any) -> Any:
    """Of each pair, (pairs,): what `graph` and `reader.support` make of it, in training."""
    ops = torch.nn.functional
    pairs, tokens = ids.shape
    across = (types[:, :, None] != types[:, None, :]) & (ids[:, :, None] > LAST_MARK)
    equal = ((ids[:, :, None] == ids[:, None, :]) & across).to(torch.bfloat16)
    after = ops.pad(equal[:, 1:, 1:], (0, 1, 0, 1))
    before = ops.pad(equal[:, :-1, :-1], (1, 0, 1, 0))
    relations = torch.stack([equal, after, before])
    padding = ((1 - mask) * MASKED)[:, None, None, :].to(torch.bfloat16)

    def linear(x: Any, name: str) -> Any:
        return ops.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: Any, name: str) -> Any:
        return ops.layer_norm(
            x, (DIMENSIONS,), w[f"{name}.weight"], w[f"{name}.bias"], LAYER_NORM_EPSILON
        )

    def dropped(x: Any) -> Any:
        """Whole dimensions of a pair: a mask of single numbers would cost a tenth of the time."""
        return x * (torch.rand(pairs, 1, DIMENSIONS) > DROPPED).to(x.dtype) / (1 - DROPPED)

    def heads(x: Any) -> Any:
        return x.view(pairs, tokens, HEADS, -1).transpose(1, 2)

    def attended(x: Any, layer: str) -> Any:
        told = w[f"{layer}.relations"].to(torch.bfloat16)
        name = f"{layer}.attention.self"
        query, key = heads(linear(x, f"{name}.query")), heads(linear(x, f"{name}.key"))
        shares = (query * (DIMENSIONS / HEADS) ** -0.5) @ key.transpose(2, 3)
        shares = shares + padding + torch.einsum("hk,kbij->bhij", told, relations)
        shares = torch.softmax(shares, -1, dtype=torch.bfloat16)
        mixed = shares @ heads(linear(x, f"{name}.value"))
        return linear(
            mixed.transpose(1, 2).reshape(pairs, tokens, -1), f"{layer}.attention.output.dense"
        )

    x = (
        w[FROZEN[0]][ids]
        + w[FROZEN[1]][:tokens]
        + w["embeddings.token_type_embeddings.weight"][types.long()]
    )
    x = embedded = dropped(norm(x, "embeddings.LayerNorm"))
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        x = norm(x + dropped(attended(x, layer)), f"{layer}.attention.output.LayerNorm")
        inner = ops.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + dropped(linear(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")

    claim = (1 - types) * mask
    mean = (x * claim[..., None]).sum(1) / claim.sum(1)[:, None]
    inner = torch.tanh(linear(torch.cat([x[:, 0], mean], -1), "whole.inner"))
    whole = linear(ops.dropout(inner, DROPPED), "whole.outer")[:, 0].float()
    parts = {
        "read": x,
        "embedded": embedded,
        "pair": dropped(x[:, :1]),
        "found": equal.amax(-1)[..., None],
    }
    inner = w["token.inner.bias"]
    for name, each in parts.items():
        inner = inner + ops.linear(each, w[f"token.{name}.weight"])
    wrong = linear(ops.gelu(inner), "token.outer")[..., 0].float()
    return whole - torch.logsumexp(torch.where(claim > 0, 2 * wrong, -torch.inf), 1) / 2


def _initial(torch: Any, published: Mapping[str, Float32]) -> dict[str, Any]:
    weights = {
        name: torch.from_numpy(each.copy())
        for name, each in published.items()
        if not name.startswith("pooler")
    }
    sizes = {
        "whole.inner": (DIMENSIONS, 2 * DIMENSIONS),
        "whole.outer": (1, DIMENSIONS),
        "token.read": (DIMENSIONS // 2, DIMENSIONS),
        "token.embedded": (DIMENSIONS // 2, DIMENSIONS),
        "token.pair": (DIMENSIONS // 2, DIMENSIONS),
        "token.found": (DIMENSIONS // 2, 1),
        "token.outer": (1, DIMENSIONS // 2),
    }
    for name, (rows, columns) in sizes.items():
        weights[f"{name}.weight"] = (
            torch.randn(rows, columns) * (3 * max(columns, DIMENSIONS)) ** -0.5
        )
    for name, size in (
        ("whole.inner", DIMENSIONS),
        ("token.inner", DIMENSIONS // 2),
        ("whole.outer", 1),
        ("token.outer", 1),
    ):
        weights[f"{name}.bias"] = torch.zeros(size)
    for layer in range(LAYERS):  # what is known to work: like looks at like
        told = torch.randn(HEADS, RELATIONS) * 0.5 + torch.tensor([1.5, 0.5, 0.5])
        weights[f"encoder.layer.{layer}.relations"] = told
    return weights


def _batches(lengths: Sequence[int], rng: random.Random) -> list[list[int]]:
    """Rows of like length, in random order."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    found: list[list[int]] = []
    for at in range(0, len(order), SORTED_AT_ONCE):
        batch: list[int] = []
        for i in sorted(order[at : at + SORTED_AT_ONCE], key=lambda i: lengths[i]):
            if batch and (len(batch) + 1) * lengths[i] > BATCH_TOKENS:
                found.append(batch)
                batch = []
            batch.append(i)
        found.append(batch)
    rng.shuffle(found)
    return found


if __name__ == "__main__":
    typer.run(main)
