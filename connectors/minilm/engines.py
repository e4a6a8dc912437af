"""The engines that run a model's graph in this process: OpenVINO, or ONNX Runtime.

A graph's inputs are a batch first, then lengths. A new input shape costs an engine 5 ms once and
2 MB for good: so lengths go in steps (`padded`) and batch sizes in powers of two (`batches`).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import LifoQueue
from tempfile import NamedTemporaryFile
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from connectors.minilm import choosing
from processors.ports import Float32

log = logging.getLogger(__name__)

Engine = Literal["auto", "openvino", "openvino-f32", "onnxruntime"]
Int32 = NDArray[np.int32]
Run = Callable[..., Float32]  # a graph's inputs, in its order, to its one output

BATCH_TOKENS = 512  # of a batch, with padding: 256 is 4 % slower, 1024 no faster
LENGTH_STEP = 16
UNUSED_S = 30 * 86400.0  # after that a graph of another source is forgotten


def padded(length: int) -> int:
    """The length of input, in tokens, that one of `length` goes in."""
    return -(-length // LENGTH_STEP) * LENGTH_STEP


def batches(lengths: Sequence[int], streams: int) -> Iterator[list[int]]:
    """Indexes of like lengths, so that little is padding; the longest first, so that the streams
    end at about the same time."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    budget = min(BATCH_TOKENS, sum(map(padded, lengths)) // streams)
    while order:
        size = max(min(budget // padded(lengths[order[0]]), len(order)), 1)
        size = 1 << (size.bit_length() - 1)
        yield order[:size]
        order = order[size:]


@dataclass(frozen=True, slots=True)
class Graph:
    """A model as ONNX, made when it is first needed."""

    name: str
    source: str  # what it is made from: of another, it is made again
    make: Callable[[], bytes]
    example: Sequence[Int32 | Float32]  # a smallest input
    typical: Sequence[Int32 | Float32] = ()  # of work: with it, this machine chooses an engine


def load(graph: Graph, cache: Path, engine: Engine, streams: int) -> Run:
    """The graph, ready to run from as many threads as `streams`, one core each.

    `cache` keeps it and the engine's compiled form of it; several processes may share the folder,
    and several releases, since what is made of another source has a folder of its own there.
    Engine "auto" is the one that is fastest on this machine (`choosing`), which is measured where
    it is not known and the graph says what is typical; else OpenVINO. "openvino" leaves the
    precision to the engine, which takes bfloat16 where the CPU multiplies in it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that start together, one makes the files
        file = _cached(graph, cache)
        if engine != "auto":
            return run_on(engine, file, streams, graph.example)
        chosen = choosing.known(cache)
        if chosen is None and graph.typical:
            chosen = choosing.choose(file, graph.typical, cache)
        try:
            return run_on(chosen or "openvino", file, streams, graph.example)
        except (ImportError, RuntimeError) as error:
            log.warning("OpenVINO cannot run here, so ONNX Runtime does: %s", error)
            return run_on("onnxruntime", file, streams, graph.example)


def run_on(
    engine: str,
    file: Path,
    streams: int,
    example: Sequence[Int32 | Float32],
    *,
    keep: bool = True,
) -> Run:
    """A graph's file on one engine; with `keep`, its compiled form is kept beside the file.

    Raises what the engine does where it cannot run here: `ImportError`, `RuntimeError`.
    """
    if engine == "onnxruntime":
        return _onnxruntime(file)
    return _openvino(file, streams, example, exact=engine == "openvino-f32", keep=keep)


def _cached(graph: Graph, cache: Path) -> Path:
    """The graph's file in `cache`, made first if missing or damaged."""
    folder = cache / f"{graph.name}-{hashlib.sha256(graph.source.encode()).hexdigest()[:12]}"
    path, seal = folder / "graph.onnx", folder / "sha256"
    if path.exists() and seal.exists():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if seal.read_text() == digest:
            seal.touch()  # when it was used last
            return path
    data = graph.make()
    folder.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
    seal.write_text(hashlib.sha256(data).hexdigest())
    _forget(graph.name, cache)
    return path


def _forget(name: str, cache: Path) -> None:
    """Remove what was made of this graph's former sources and has not been used for long."""
    for seal in cache.glob(f"{name}-*/sha256"):
        if seal.stat().st_mtime < time.time() - UNUSED_S:
            shutil.rmtree(seal.parent)


def _openvino(
    file: Path, streams: int, example: Sequence[Int32 | Float32], *, exact: bool, keep: bool
) -> Run:
    # It tells its maker of its use, and keeps files in the user's folder to do so. Where that part
    # cannot be imported, it does without.
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    import openvino

    core = openvino.Core()
    config: dict[str, Any] = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "ENABLE_CPU_PINNING": False,  # processes on one machine would pin to the same cores
    }
    if exact:  # else the engine takes bfloat16 where the CPU multiplies in it
        config["INFERENCE_PRECISION_HINT"] = "f32"
    if keep:
        config["CACHE_DIR"] = str(file.parent / "openvino")
    model = core.compile_model(file, "CPU", config)
    if keep and not model.get_property("LOADED_FROM_CACHE"):
        del model  # its weights are on the heap; from the cache they are mapped, 30 MB less
        model = core.compile_model(file, "CPU", config)
    # One more than streams, so that a question is next when passages hold every stream.
    requests: LifoQueue[openvino.InferRequest] = LifoQueue()
    for _ in range(streams + 1):
        requests.put(model.create_infer_request())
        # OpenVINO's bindings deadlock when their first call comes from two threads at once: a
        # once-only initialisation waits for the GIL while its other caller, holding it, waits.
        requests.queue[-1].infer(list(example))

    def run(*inputs: Int32 | Float32) -> Float32:
        request = requests.get()
        try:
            return request.infer(list(inputs), share_inputs=True)[0]
        finally:
            requests.put(request)

    return run


def _onnxruntime(file: Path) -> Run:
    runtime: Any = import_module("onnxruntime")  # it has no types
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # a stream is a thread that calls
    session = runtime.InferenceSession(file, options, ["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: Int32 | Float32) -> Float32:
        return session.run(None, dict(zip(names, inputs, strict=True)))[0]

    return run
