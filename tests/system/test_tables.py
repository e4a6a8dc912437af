"""A compacted topic followed as a table: level at once, news at once, and a quick end."""

from __future__ import annotations

import time

import pytest

from schemas.events import DocumentFed
from schemas.topics import document_key
from streams.app.following import PATIENT_MS, Following
from tests.system.harness import Bench, fed, until

pytestmark = pytest.mark.system


def key(event: DocumentFed) -> str:
    return document_key(event)


def test_what_was_there_is_known_and_what_comes_is_told_while_it_waits(bench: Bench) -> None:
    first = fed(1, 1)
    bench.send([first])
    table = Following(bench.settings, bench.source, bench.codec).open()
    try:
        assert table.level(10)
        assert table.get(key(first)) is not None
        time.sleep(PATIENT_MS / 1000 / 2)  # in the midst of a patient fetch
        second = fed(2, 1)
        bench.send([second])
        until(lambda: table.get(key(second)) is not None, "what came after it was level")
        bench.produce(None, key(first).encode())
        bench.flush()
        until(lambda: table.get(key(first)) is None, "what was taken back")
        assert [key(each) for each in table.all()] == [key(second)]
    finally:
        begun = time.monotonic()
        table.close()
    assert time.monotonic() - begun < PATIENT_MS / 1000 + 1.0, "a close waits for no fetch"


def test_an_empty_topic_is_level(bench: Bench) -> None:
    table = Following(bench.settings, bench.source, bench.codec).open()
    try:
        assert table.level(10)
        assert table.all() == []
    finally:
        table.close()
