from __future__ import annotations

from schemas import catalog, codegen, events

LONGEST = 400  # lines, as of any file


def test_the_generated_events_are_fresh() -> None:
    assert codegen.stale() == [], "run python -m schemas.codegen"


def test_every_generated_file_stays_one_a_person_reads() -> None:
    assert {
        name for name, text in codegen.generate().items() if text.count("\n") > LONGEST
    } == set()


def test_every_schema_has_its_class() -> None:
    assert set(events.__all__) == set(catalog.names())


def test_each_topic_event_has_a_fingerprint_of_its_own() -> None:
    marks = {catalog.fingerprint(name) for name in catalog.names()}
    assert len(marks) == len(catalog.names())
