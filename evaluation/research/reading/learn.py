"""`python evaluation/research/reading/learn.py`: trains the reader; needs PyTorch, and best a GPU.

It needs no more than numpy, PyTorch and typer beside `evaluation/`, so that a rented machine can
run it. `python -m evaluation.research.reading.weights base` writes the tensors that it begins with,
`drawing.py` what it learns from, and `weights pack` makes the shipped file of what it writes.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

if not __package__:  # run as a file: the parts are found beside it
    sys.path[0] = str(Path(__file__).parents[3])

from evaluation.research.reading.batches import Data, Group, batches, epoch, groups, read, tensors
from evaluation.research.reading.measuring import measured
from evaluation.research.reading.mining import mined
from evaluation.research.reading.network import FROZEN, initial, logits

RATE, HEADS_RATE, DECAY, WARM, LARGEST = 2.5e-4, 5e-4, 0.01, 0.05, 1.0
SMOOTHED = 0.02  # of each label: some are wrong
AHEAD = 6  # batches that are made while others are learnt from


def main(
    base: Annotated[Path, typer.Argument(help="The encoder's tensors (.npz).")],
    drawn: Annotated[Path, typer.Argument(help="What drawing.py wrote.")],
    output: Annotated[Path, typer.Argument(help="A folder for the trained tensors.")],
    seconds: Annotated[float, typer.Option(help="How long to train.")] = 400,
    tokens: Annotated[int, typer.Option(help="Of a batch.")] = 40_000,
    device: Annotated[str, typer.Option(help="Where.")] = "cuda",
    part: Annotated[int, typer.Option(help="One group in so many.")] = 1,
    seed: Annotated[int, typer.Option(help="Of what is drawn while training.")] = 1,
    begin: Annotated[Path | None, typer.Option(help="Trained tensors to go on from.")] = None,
    slower: Annotated[float, typer.Option(help="What the rates are divided by.")] = 1,
) -> None:
    """Train the reader for a time, and write every tensor that training changed."""
    torch = import_module("torch")
    torch.manual_seed(seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    data = read(drawn, part)
    with np.load(base) as found:
        weights = initial(torch, {name: found[name] for name in found.files}, device)
    negatives = mined(torch, weights, data, device)
    typer.echo(f"mined for {len(negatives)} groups")
    for path in begin.glob("*.npz") if begin else ():
        with np.load(path) as found:
            for name in found.files:
                weights[name] = torch.from_numpy(found[name].astype(np.float32)).to(device)
    learning = Learning(torch, weights, device, slower)
    learning.learn(_batches(data, negatives, tokens, seed), data, seconds)
    for line in measured(torch, weights, data, negatives, device, tokens):
        typer.echo(line)
    output.mkdir(parents=True, exist_ok=True)
    trained = {
        name: each.detach().float().cpu().numpy().astype(np.float16)
        for name, each in weights.items()
        if name not in FROZEN
    }
    # In two, each small enough to be carried by itself.
    late = [n for n in trained if n.startswith("encoder.layer.") and int(n.split(".")[2]) > 2]
    np.savez(output / "early.npz", **{n: v for n, v in trained.items() if n not in late})
    np.savez(output / "late.npz", **{n: trained[n] for n in late})


def _batches(
    data: Data, negatives: dict[int, Any], tokens: int, seed: int
) -> Iterator[tuple[int, list[Group]]]:
    """Without end, with the number of the epoch."""
    rng = random.Random(seed)
    by_group, number = groups(data, held=False), 0
    while True:
        number += 1
        for batch in batches(epoch(data, by_group, negatives, rng), tokens, rng):
            yield number, batch


class Learning:
    """AdamW with a rate that rises, then falls to 0 by the clock."""

    def __init__(self, torch: Any, weights: dict[str, Any], device: str, slower: float) -> None:
        parts = ("encoder", "embeddings")
        body = [v for n, v in weights.items() if n.startswith(parts) and n not in FROZEN]
        heads = [v for n, v in weights.items() if not n.startswith(parts)]
        self._torch, self._weights, self._device = torch, weights, device
        self._learnt = [*body, *heads]
        self._rates = (RATE / slower, HEADS_RATE / slower)
        for each in self._learnt:
            each.requires_grad_(True)
        self._optimizer = torch.optim.AdamW(
            [{"params": body, "lr": 0.0}, {"params": heads, "lr": 0.0}],
            weight_decay=DECAY,
            fused=device == "cuda",
        )

    def learn(self, drawn: Iterator[tuple[int, list[Group]]], data: Data, seconds: float) -> None:
        """From batches until the time is over."""
        begin, step, seen = time.monotonic(), 0, 0
        with ThreadPoolExecutor(3) as pool:

            def ready() -> Any:
                number, batch = next(drawn)
                made = pool.submit(tensors, self._torch, data, batch, self._device)
                return number, len(batch), made

            waiting = [ready() for _ in range(AHEAD)]
            while (done := (time.monotonic() - begin) / seconds) < 1:
                number, size, made = waiting.pop(0)
                waiting.append(ready())
                batch = made.result()
                told = self.step(batch, size, done)
                step += 1
                seen += batch[0].numel()
                if step % 100 == 0:
                    took = time.monotonic() - begin
                    parts = ", ".join(f"{each.item():.3f}" for each in told)
                    pace = f"{seen / took / 1e6:.2f} M tokens/s"
                    typer.echo(
                        f"{took:4.0f} s epoch {number} step {step}: {pace},"
                        f" bce, list, start, end {parts}"
                    )

    def step(self, batch: tuple[Any, ...], size: int, done: float) -> tuple[Any, ...]:
        """One batch of `size` groups, where `done` of the time is over; the parts of its loss."""
        torch = self._torch
        share = min(done / WARM, 1) * max(1 - done, 0.02)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        with torch.autocast(self._device, torch.bfloat16):
            loss, told = _loss(torch, self._weights, batch, size)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learnt, LARGEST)
        self._optimizer.step()
        return told


def _loss(torch: Any, w: dict[str, Any], batch: tuple[Any, ...], size: int) -> Any:
    """Whether each passage answers, which of a group does, where the answer begins in the whole
    group, and where it ends in its passage."""
    ids, types, of, labels, passage, first, last = batch
    whole, ends = logits(torch, w, ids, types, train=True)
    ops = torch.nn.functional
    smooth = labels * (1 - 2 * SMOOTHED) + SMOOTHED
    bce = ops.binary_cross_entropy_with_logits(whole, smooth)

    def by_group(values: Any) -> Any:  # log of the sum of exp over each group's rows
        top = torch.full((size,), -1e9, device=values.device)
        top = top.scatter_reduce(0, of, values.detach(), "amax")
        total = torch.zeros(size, device=values.device)
        return top + (total.index_add(0, of, (values - top[of]).exp()) + 1e-30).log()

    has = torch.zeros(size, device=whole.device).index_add(0, of, labels) > 0
    good = by_group(torch.where(labels > 0, whole, torch.full_like(whole, -1e4)))
    listed = ((by_group(whole) - good) * has).sum() / has.sum().clamp(min=1)
    start = torch.where(passage, ends[..., 0], -1e4)
    end = torch.where(passage, ends[..., 1], -1e4)
    spanned = first.any(1)
    where = torch.zeros(size, device=whole.device).index_add(0, of, spanned.float()) > 0
    right = torch.where(first, ends[..., 0], -1e4).logsumexp(1)
    starts = by_group(start.logsumexp(1)) - by_group(right)
    starts = (starts * where).sum() / where.sum().clamp(min=1)
    closes = end.logsumexp(1) - torch.where(last, ends[..., 1], -1e4).logsumexp(1)
    closes = (closes * spanned).sum() / spanned.sum().clamp(min=1)
    return bce + 0.5 * listed + 0.5 * (starts + closes), (bce, listed, starts, closes)


if __name__ == "__main__":
    typer.run(main)
