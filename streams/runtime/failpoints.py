"""Named places where a drill kills the process: `MILLRACE_FAILPOINT=stage:point:n`.

The n-th time `stage` passes `point`, the process gets SIGKILL, once: a marker file under the data
folder both proves that it fired and keeps the successor alive.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from streams.flow.errors import UserError

POINTS = (
    "after_poll",
    "after_process",
    "after_produce",
    "after_offsets",
    "before_commit",
    "after_commit",
)

# Of stages that keep state. One that is killed after a commit has not taken it over in its table.
STATE_POINTS = ("before_restore", "while_restoring")

Reach = Callable[[str], None]


def _nothing(_point: str) -> None:
    pass


def failpoint(spec: str, stage: str, data: Path) -> Reach:
    """What a stage calls at each named point; does nothing unless `spec` is about this stage.

    Raises:
        UserError: the setting names no such point.
    """
    if not spec:
        return _nothing
    wanted_stage, _, rest = spec.partition(":")
    wanted_point, _, count = rest.partition(":")
    points = POINTS + STATE_POINTS
    if wanted_point not in points or not (count or "1").isdigit():
        raise UserError(
            f"MILLRACE_FAILPOINT is {spec!r}; it reads stage:point:n, the point one of "
            + ", ".join(points)
        )
    if wanted_stage != stage:
        return _nothing
    marker = data / "run" / f"failpoint.{stage}.{wanted_point}"
    left = int(count or "1")

    def reach(point: str) -> None:
        nonlocal left
        if point != wanted_point or marker.exists():
            return
        left -= 1
        if left <= 0:
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
