from __future__ import annotations

import json
from pathlib import Path

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas import catalog, codegen
from streams.runtime.codec import RELEASED


def _compatible(reader: dict[str, object], writer: dict[str, object]) -> bool:
    checker = ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    return result.compatibility is SchemaCompatibilityType.compatible


def test_the_generated_events_are_fresh() -> None:
    assert codegen.stale() == [], "run python -m schemas.codegen"


@pytest.mark.parametrize("name", catalog.names(RELEASED))
def test_readers_of_the_last_release_and_of_today_read_each_other(name: str) -> None:
    released = catalog.self_contained(name, RELEASED)
    today = catalog.self_contained(name)
    assert _compatible(today, released), "today's readers must read what the release wrote"
    assert _compatible(released, today), "the release's readers must read what is written today"


def test_every_released_schema_is_still_there() -> None:
    assert set(catalog.names(RELEASED)) <= set(catalog.names())
    assert catalog.names(RELEASED), "there is a release to be compatible with"


def test_a_breaking_change_would_be_noticed(tmp_path: Path) -> None:
    for path in catalog.FOLDER.glob("*.avsc"):
        schema = json.loads(path.read_text())
        if path.stem == "Citation":
            schema["fields"].append({"name": "page", "type": "int"})
        (tmp_path / path.name).write_text(json.dumps(schema))
    changed = catalog.self_contained("QuestionAnswered", tmp_path)
    assert not _compatible(changed, catalog.self_contained("QuestionAnswered", RELEASED))


def test_each_topic_event_has_a_fingerprint_of_its_own() -> None:
    marks = {catalog.fingerprint(name) for name in catalog.names()}
    assert len(marks) == len(catalog.names())
