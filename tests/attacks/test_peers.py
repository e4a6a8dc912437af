"""What belongs to others: topics for copies, schema registries, their open transactions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from schemas.events import DocumentFed
from streams.edge import admin
from streams.flow.topic import To, Topic
from tests.system.copying import copying
from tests.system.harness import Bench, fed, load_of
from tests.system.test_runtime import limit_records


@pytest.mark.parametrize("topic", ["missing", "small"])
def test_a_topic_that_takes_no_copy_costs_the_copy_and_nothing_else(
    bench: Bench, topic: str
) -> None:
    name = f"{bench.prefix}.{topic}"
    if topic == "small":
        copies = Topic(name, DocumentFed, bench.source.key)
        admin.apply_topics(bench.settings, [copying(bench.prefix, name="other", writes=copies)])
        limit_records(bench, 100, name)

    def answer(event: DocumentFed) -> Iterable[DocumentFed | To]:
        yield event
        if event.title:
            yield To(event.title, event, lambda reason: [replace(event, title="", uri=reason)])

    asked = replace(fed(0, 99, "x" * 200), title=name)
    bench.send([*load_of(20), asked, *load_of(20)])
    with bench.working(copying(bench.prefix, answer)):  # type: ignore[arg-type]
        bench.await_consumed()

    assert bench.dead() == []
    assert len(bench.copied()) == 41
    (told,) = [event for event in bench.copied() if event.version == 99]
    assert told.title == "" and f"{name} does not take a copy: " in (told.uri or "")
