"""`python -m evaluation.research.reading.weights`: what training begins with and ends in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from connectors.minilm.changes import packed
from connectors.minilm.embedder import weights_file
from connectors.minilm.graph import read_safetensors
from connectors.minilm.port import SHIPPED
from connectors.weights import digest_of
from processors.ports import Float32

KEPT = 0.8  # of the change: more does a little better on the sets, less on other text

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def base(output: Annotated[Path, typer.Argument(help="The file to write (.npz).")]) -> None:
    """The published encoder's tensors, for `learn.py`; in half precision, to be carried."""
    tensors = read_safetensors(weights_file())
    half = {n: v.astype(np.float16) for n, v in tensors.items() if not n.startswith("pooler")}
    np.savez(output, allow_pickle=False, **half)


@app.command()
def pack(
    trained: Annotated[Path, typer.Argument(help="The folder that learn.py wrote.")],
    output: Annotated[Path, typer.Argument(help="The file of weights.")] = SHIPPED,
    kept: Annotated[float, typer.Option(help="Share of the change that is kept.")] = KEPT,
) -> None:
    """What training changed as the file that is shipped; prints what policies/answering.yaml
    names it by."""
    tensors: dict[str, Float32] = {}
    for name in ("early.npz", "late.npz"):
        with np.load(trained / name, allow_pickle=False) as found:
            tensors |= {each: found[each].astype(np.float32) for each in found.files}
    published = read_safetensors(weights_file())
    np.savez_compressed(output, allow_pickle=False, **packed(published, [tensors], kept))
    typer.echo(digest_of(output))


if __name__ == "__main__":
    app()
