"""The graph of an index that takes too long to look through: built by a process of its own.

The engine builds it for minutes, and holds the GIL throughout. So a child has a generation to
itself that does not count yet: `python -m connectors.qdrant_edge.graph FOLDER DIMENSIONS`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from qdrant_edge import EdgeOptimizersConfig, EdgeShard, HnswIndexConfig

from connectors import apart
from connectors.qdrant_edge.shard import config

# So much of an index may be outside the graph, where it is looked through.
OUTSIDE = 0.2
EF = 128  # candidates of a search in the graph: .95 of the nearest ten and more are among them
_M, _EF_CONSTRUCT = 16, 100
_FULL_SCAN_KB = 10_000  # of the vectors that a filter leaves: fewer are looked through
_POINTS = "graph"  # a file that says how many points it was built of
_NICE = 10  # questions go first
_LOOK_S = 0.2
_ONE_SEGMENT_KB = 2**40


def points(generation: Path) -> int:
    """Of how many points a generation's graph was built; 0: it has none."""
    try:
        return int((generation / _POINTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def due(points: int, built: int, at_least: int) -> bool:
    """Whether an index of so many points gets a graph, or another than that of `built` points."""
    return points >= at_least and points - built > OUTSIDE * points


def build(generation: Path, dimensions: int, pace: Callable[[], None]) -> None:
    """Have a child build the graph of a shard that nobody has open; `pace` is called meanwhile,
    and may raise.

    Raises:
        OSError: the child failed.
    """
    command = apart.command(__name__, generation, dimensions)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=apart.environment()) as child:
        try:
            while child.poll() is None:
                try:
                    child.wait(_LOOK_S)
                except subprocess.TimeoutExpired:
                    pace()
        finally:
            child.kill()
    if child.returncode:
        raise OSError(f"the graph was not built: its process ended with {child.returncode}")


def main() -> None:
    """The child."""
    apart.die_with_parent()
    os.nice(_NICE)
    generation = Path(sys.argv[1])
    how = config(
        int(sys.argv[2]),
        hnsw_config=HnswIndexConfig(_M, _EF_CONSTRUCT, _FULL_SCAN_KB),
        optimizers=EdgeOptimizersConfig(
            default_segment_number=1, max_segment_size=_ONE_SEGMENT_KB, indexing_threshold=1
        ),
    )
    shard = EdgeShard.load(str(generation), how)
    shard.optimize()
    count = shard.info().points_count
    shard.flush()
    shard.close()
    (generation / _POINTS).write_text(str(count), encoding="ascii")


if __name__ == "__main__":
    main()
