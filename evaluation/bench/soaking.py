"""A process that asks and changes at an even pace until it ends."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from evaluation.bench import corpus
from evaluation.bench.child import serve
from evaluation.bench.client import Client
from schemas.events import DocumentFed
from streams.app import codecs
from streams.app.settings import load
from streams.edge.client import reader
from streams.edge.documents import Feeder, FeedReport

TENANT = "bench"
DELETED = 10  # each so-manieth change is a delete

_asked = 0
_reports: list[FeedReport] = []


def _changes(documents: int, per_second: float) -> Iterator[DocumentFed]:
    """New versions of the same documents."""
    made = [*itertools.islice(corpus.endless(TENANT), documents)]
    begin = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
        document = corpus.marked(made[number % documents], f"soak{number}zq")
        if number % DELETED == DELETED - 1:
            document = replace(document, op="delete", body=None, title=None)
        yield document


def _feed(documents: int, per_second: float) -> None:
    settings = load()
    with reader(settings) as consumer, ExitStack() as stack:
        feeder = Feeder(settings, codecs.codec(settings, stack), consumer)
        _reports.append(feeder.report)
        feeder.feed(_changes(documents, per_second))


def _ask(per_second: float) -> None:
    global _asked
    settings = load()
    with ExitStack() as stack, Client(settings, codecs.codec(settings, stack), TENANT) as client:
        begin = time.monotonic()
        for number in itertools.count():
            time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
            _asked += len(client.one_by_one([f"Which revision soak{number}zq applies?"]))


def start(documents: int, questions: float, changes: float) -> None:
    """Begin; each so many a second, questions no faster than one after the other."""
    for run, given in ((_feed, (documents, changes)), (_ask, (questions,))):
        threading.Thread(target=run, args=given, daemon=True).start()


def done() -> dict[str, int]:
    """What was answered and acknowledged so far."""
    return {"asked": _asked, "changed": sum(each.settled for each in _reports)}


if __name__ == "__main__":
    serve({"start": start, "done": done})
