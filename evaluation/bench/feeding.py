"""A process that keeps the pipeline busy: made-up documents, fed without end."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from evaluation.bench.child import serve
from evaluation.bench.corpus import endless
from streams.app import codecs
from streams.app.settings import load
from streams.edge.client import reader
from streams.edge.documents import Feeder, FeedReport

READY_TIMEOUT_S = 60.0


class _Feed(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)  # it has no end but the process's
        self.report = FeedReport()

    def run(self) -> None:
        settings = load()
        with reader(settings) as consumer, ExitStack() as stack:
            feeder = Feeder(settings, codecs.codec(settings, stack), consumer, bulk=True)
            self.report = feeder.report
            feeder.feed(endless("load"))


_feed = _Feed()


def start(settled: int) -> None:
    """Start feeding; returns once so many documents are searchable, so that all stages work."""
    _feed.start()
    until = time.monotonic() + READY_TIMEOUT_S
    while _feed.report.settled < settled:
        if time.monotonic() > until or not _feed.is_alive():
            raise TimeoutError(f"{_feed.report.settled} documents became searchable under load")
        time.sleep(0.05)


def settled() -> int:
    """Documents that are searchable by now."""
    return _feed.report.settled


if __name__ == "__main__":
    serve({"start": start, "settled": settled})
