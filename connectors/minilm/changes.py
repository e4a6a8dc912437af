"""What training changed of the published weights, kept small: files of pair-reading networks."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from connectors.minilm.embedder import weights_file
from processors.ports import Float32
from streams.flow.errors import UserError

SCALE = ".scale"  # of each row of a changed matrix
LEVELS, STEP = 7, 0.4  # on either side of zero, and their distance in standard deviations


def networks(path: Path) -> int:
    with _changes(path) as changes:
        return len({key.partition("/")[0] for key in changes.files})


@contextmanager
def _changes(path: Path) -> Generator[Any]:
    """The file's tensors. Raises `UserError` for what goes wrong with it."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as changes:
            yield changes
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise UserError(f"the reader's weights {path} cannot be read: {error}") from error


def weights(path: Path, number: int) -> dict[str, Float32]:
    """Of one network the published tensors with what training changed, and the heads'.

    Raises `UserError` if the file is missing or not of such networks.
    """
    from connectors.minilm.graph import read_safetensors  # needs onnx
    from connectors.minilm.pair_graph import TENSORS

    found: dict[str, Float32] = dict(read_safetensors(weights_file()))
    with _changes(path) as changes:
        for key in changes.files:
            name = key.removeprefix(f"{number}/")
            if name == key or name.endswith(SCALE):
                continue
            value = changes[key].astype(np.float32)
            if key + SCALE in changes.files:
                value = found[name] + value * changes[key + SCALE].astype(np.float32)
            found[name] = value
        absent = [name for name in TENSORS if name not in found]
        if absent:
            raise ValueError(f"network {number} has no {absent[0]}")
    return found


def packed(
    published: Mapping[str, Float32], trained: Sequence[Mapping[str, Float32]], kept: float
) -> dict[str, NDArray[Any]]:
    """What `weights` reads: of matrices their change, in `LEVELS`; the rest in half precision.

    `kept` is the share of the change that is kept: between the published weights and the trained
    ones lie some that do better on text of other kinds (Wortsman et al., arXiv 2109.01903).
    """
    found: dict[str, NDArray[Any]] = {}
    for number, network in enumerate(trained):
        for name, value in network.items():
            key = f"{number}/{name}"
            if name in published and name.startswith("encoder.") and value.ndim == 2:
                change = kept * (value - published[name])
                scale: Float32 = np.maximum(STEP * change.std(1, keepdims=True), 1e-8)
                found[key] = np.clip(np.round(change / scale), -LEVELS, LEVELS).astype(np.int8)
                found[key + SCALE] = scale
            else:
                found[key] = value.astype(np.float16)
    return found
