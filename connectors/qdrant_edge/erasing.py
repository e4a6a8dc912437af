"""When the embedded index is written anew: deleted text leaves its folder, a graph is built."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from connectors.qdrant_edge import graph
from connectors.qdrant_edge.points import Left
from connectors.qdrant_edge.rewriting import Pace, StoppedError, now_ms

if TYPE_CHECKING:
    from connectors.qdrant_edge.index import EdgeIndex

log = logging.getLogger("millrace.index")

HOUR_S = 3600.0
_SHARE = 0.25  # of the time, that a rewrite takes
_WORTH_IT = 1000  # points: a folder of fewer is small, whatever share of it is dead


@dataclass(frozen=True, slots=True)
class Erasing:
    """`hours` in which what was deleted leaves the folder, and the `share` of its points that makes
    it leave sooner; an index of `graph_from` points and more has a graph."""

    hours: float
    share: float
    graph_from: int = 2**63

    def due(self, left: Left, points: int, now: int) -> bool:
        """Whether a rewrite begins; half of the time is left for what is deleted while one runs,
        which the next one takes."""
        if not left.points:
            return False
        old = now - left.since >= self.hours * HOUR_S * 1000 / 2
        return old or left.points >= max(_WORTH_IT, self.share * (left.points + points))


class Eraser:
    """Looks after one open index. The constructor starts nothing."""

    def __init__(self, index: EdgeIndex, erasing: Erasing) -> None:
        self._index = index
        self._erasing = erasing
        self._every = min(60.0, erasing.hours * HOUR_S / 20)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="erasing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        failed = 0
        while not self._stopping.wait(self._every * min(2**failed, 60)):
            left, points = self._index.left()
            least = self._erasing.graph_from
            if not (
                self._erasing.due(left, points, now_ms())
                or graph.due(points, self._index.linked, least)
            ):
                continue
            try:
                failed = 0 if self._rewrite(left, linked=points >= least) else failed + 1
            except StoppedError:
                return

    def _rewrite(self, left: Left, *, linked: bool) -> bool:
        began = time.monotonic()
        told = {"index": self._index.where, "deleted": left.points}
        try:
            self._index.rewrite(Pace(_SHARE, self._stopping), linked=linked)
        except StoppedError:
            raise
        except BaseException as error:  # the engine's panic is not an Exception
            log.error(
                "the index was not written anew: deleted text stays in the folder for now, and "
                "what is not in the graph is looked through",
                extra=told | {"reason": str(error)},
            )
            return False
        told |= {"seconds": round(time.monotonic() - began, 1), "linked": self._index.linked}
        log.info("deleted text has left the folder", extra=told)
        return True
