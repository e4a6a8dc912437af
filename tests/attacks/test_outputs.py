"""What a stage made of a record and cannot write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from schemas.events import DocumentFed
from streams.flow.errors import Retry
from streams.runtime.codec import Codec
from streams.runtime.testing import Driver
from tests.system.copying import copying, source
from tests.system.harness import fed

PREFIX = "attack"
SOURCE = source(PREFIX)


def test_an_output_that_is_no_text_costs_its_own_record() -> None:
    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        yield replace(event, title="half a pair: \ud83d") if event.body else event

    stage = copying(PREFIX, run)
    driver = Driver([stage])
    for event in (fed(0, 0), fed(0, 1, "bad"), fed(0, 2)):
        driver.send(SOURCE, event)
    driver.run()

    assert [each.version for each in driver.events(stage.writes[0])] == [0, 2]
    (letter,) = driver.dead_letters(stage.dead_letters)
    assert "what copy made of it cannot be written" in letter.reason
    assert "UnicodeEncodeError" in letter.detail


def test_a_reason_that_is_no_text_is_a_dead_letter_all_the_same() -> None:
    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        if event.body:
            raise ValueError("not \udcff this")
        yield event

    stage = copying(PREFIX, run)
    driver = Driver([stage])
    for event in (fed(0, 0), fed(0, 1, "bad"), fed(0, 2)):
        driver.send(SOURCE, event)
    driver.run()

    assert [each.version for each in driver.events(stage.writes[0])] == [0, 2]
    (letter,) = driver.dead_letters(stage.dead_letters)
    assert "not \\udcff this" in letter.reason


def test_a_processor_is_not_run_again_where_only_a_registry_failed() -> None:
    class Registry:
        """Away for the first five calls."""

        calls = 0

        def register(self, subject: str, schema: dict[str, Any]) -> int:
            self.calls += 1
            if self.calls <= 5:
                raise Retry("the registry is away")
            return 7

        def schema(self, schema_id: int) -> dict[str, Any]:
            raise AssertionError("nobody reads")

    ran: list[int | None] = []

    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        ran.append(event.version)
        yield event

    stage = copying(PREFIX, run)
    registry = Registry()
    driver = Driver([stage], codec=Codec(registry))
    value = Codec().encode(SOURCE.name, fed(0, 0))
    driver.send(SOURCE, value, key=b"t/0")
    driver.run()

    assert ran == [0]
    assert registry.calls == 6
    assert len(list(driver.records(stage.writes[0].name))) == 1
