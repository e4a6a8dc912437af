"""A database's change events on a real broker, through the whole pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from schemas import topics
from streams.app import opening, policies
from streams.app.settings import Settings
from streams.cli.operations import stages
from streams.local.supervisor import Stack
from streams.release.rendering import rows
from streams.runtime.codec import Codec
from tests.processors.documents.test_debezium import PLACEHOLDER, event, key
from tests.system.drill import Edge
from tests.system.harness import until

TOPIC = "bank.public.handbook"
POLICY = f"""
version: "1"
debezium:
  handbook: {{topic: {TOPIC}, tenant: retail, doc_id: id, text: body, title: title}}
"""


def _row(number: int, body: str) -> dict[str, Any]:
    return {"id": number, "title": "Cards", "body": body, "hits": 0}


def test_rows_become_searchable_change_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(policies.SHIPPED, folder)
    (folder / "connectors.yaml").write_text(POLICY)
    with Stack(Settings(data=tmp_path / "data", policies=folder)) as stack:
        reads = {row["stage"]: row["reads"] for row in rows(stages(stack.settings))}
        assert reads["ingest.handbook"] == [TOPIC]
        edge = Edge(stack.settings)

        def put(value: bytes | None, number: int, *, enveloped: bool = False) -> None:
            edge._producer.produce(TOPIC, value, key(enveloped, id=number))

        def found() -> dict[str, tuple[int, str]]:
            lines = map(json.loads, opening.dump_index(stack.settings, "retail"))
            return {each["doc_id"]: (each["doc_version"], each["text"]) for each in lines}

        put(event("r", after=_row(1, "One stays."), lsn=10), 1)
        put(event("c", after=_row(2, "Two goes."), lsn=11, enveloped=True), 2, enveloped=True)
        put(event("c", after=_row(3, "Three changes."), lsn=12), 3)
        put(event("c", after=_row(4, "Four gets another key."), lsn=13), 4)
        put(b'{"op": "c"}', 5)
        edge.flush()
        until(lambda: len(found()) == 4, "four rows to be searchable")

        put(event("u", after=_row(1, PLACEHOLDER), lsn=20), 1)
        put(event("d", before={"id": 2}, lsn=21), 2)
        put(None, 2)
        put(event("u", after=_row(3, "Three has changed."), lsn=22, enveloped=True), 3)
        put(event("d", before={"id": 4}, lsn=23), 4)
        put(None, 4)
        put(event("c", after=_row(6, "Four gets another key."), lsn=23), 6)
        edge.flush()
        expected = {
            "handbook/1": (10, "One stays."),
            "handbook/3": (22, "Three has changed."),
            "handbook/6": (23, "Four gets another key."),
        }
        until(lambda: found() == expected, "the last state of all rows")
        letters = [
            Codec().decode(topics.DOCS_DLQ, record.value)
            for record in edge.records(topics.DOCS_DLQ.name)
        ]
        (letter,) = letters
        assert (letter.stage, letter.value) == ("ingest.handbook", b'{"op": "c"}')
        assert "'after' is null" in letter.reason
