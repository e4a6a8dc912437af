"""The weights of the judge's reader: what training changed, kept small, and where it is found."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from connectors.minilm.embedder import weights_file
from processors.ports import Float32
from streams.flow.errors import UserError

PACKAGE, FILE = "millrace_judge", "reader.npz"
CHECKOUT = Path(__file__).parents[2] / "judge_weights" / PACKAGE / FILE
REMEDY = (
    "the local judge's weights are not installed: add the wheel millrace-judge "
    "(`pip install 'millrace[judge]'`, or `pip install ./evaluation/judge_weights` from a "
    "checkout), or name another judge with MILLRACE_JUDGE__URL"
)
SCALE = ".scale"  # of each row of a changed matrix
LEVELS, STEP = 7, 0.4  # on either side of zero, and their distance in standard deviations
# Of what training changed in the layers' matrices, the share that is kept: between the published
# weights and the trained ones lie some that do better on text of other kinds (Wortsman et al.,
# arXiv 2109.01903).
KEPT = 0.8


def shipped() -> Path:
    """The file of weights: the checkout's, else that of the wheel `millrace-judge`.

    Raises `UserError` where there is neither.
    """
    if CHECKOUT.is_file():
        return CHECKOUT
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(REMEDY)
    return Path(found.submodule_search_locations[0]) / FILE


def digest(path: Path) -> str:
    """Of a file of weights, in hexadecimal. Raises `UserError` if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"the judge's reader {path} cannot be read: {error}") from error


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
        raise UserError(f"the judge's reader {path} cannot be read: {error}") from error


def weights(path: Path, number: int) -> dict[str, Float32]:
    """Of one network the published tensors with what training changed, and the heads'.

    Raises `UserError` if the file is missing or not of such networks.
    """
    from connectors.minilm.graph import read_safetensors  # needs onnx
    from evaluation.quality.judging.graph import TENSORS

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
    published: Mapping[str, Float32], trained: Sequence[Mapping[str, Float32]]
) -> dict[str, NDArray[Any]]:
    """What `weights` reads: of matrices their change, in `LEVELS`; the rest in half precision."""
    found: dict[str, NDArray[Any]] = {}
    for number, network in enumerate(trained):
        for name, value in network.items():
            key = f"{number}/{name}"
            if name in published and name.startswith("encoder.") and value.ndim == 2:
                change = KEPT * (value - published[name])
                scale: Float32 = np.maximum(STEP * change.std(1, keepdims=True), 1e-8)
                found[key] = np.clip(np.round(change / scale), -LEVELS, LEVELS).astype(np.int8)
                found[key + SCALE] = scale
            else:
                found[key] = value.astype(np.float16)
    return found
