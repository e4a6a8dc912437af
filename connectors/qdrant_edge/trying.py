"""A process of its own reads a shard that nobody closed: it may end on it, and its worker not.

`python -m connectors.qdrant_edge.trying GENERATION DIMENSIONS` prints what is wrong, and then ends
with `WRONG`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from connectors import apart
from connectors.qdrant_edge.shard import WRONG, DamagedError, check, opened


def main(generation: Path, dimensions: int) -> int:
    apart.die_with_parent()
    try:
        shard = opened(generation, dimensions)
        try:
            check(shard)
        finally:
            shard.close()
    except DamagedError as error:
        print(error)
        return WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
