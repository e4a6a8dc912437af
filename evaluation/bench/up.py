"""`up`: seconds from `millrace up --detach` to ready."""

from __future__ import annotations

import time

from evaluation.bench import running
from evaluation.bench.measures import Spread
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.local import jars

TARGET = Target("value", "at most", 20)


def run(rounds: int, say: Say) -> Findings:
    """On an empty folder, and again on the same one; the broker's jars are there beforehand."""
    first: list[float] = []
    again: list[float] = []
    say("looking for the broker's jars")
    jars.KAFKA.classpath()
    for number in range(rounds):
        with running.data_folder() as folder:
            for times, what in ((first, "an empty folder"), (again, "the same folder")):
                say(f"round {number + 1} of {rounds}: {what}")
                begin = time.perf_counter()
                with running.whole_stack(folder, lambda _: None):
                    times.append(time.perf_counter() - begin)
    empty, used = Spread.of(first), Spread.of(again)
    return Findings(
        [
            Figure("from start to ready, empty folder", empty.median, "s", target=TARGET),
            Figure("from start to ready, used folder", used.median, "s", target=TARGET),
        ],
        {"empty_folder_s": empty, "used_folder_s": used},
    )
