"""Files through the whole topology in memory, and what they cost when there are none."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

from connectors.converters.documents import Documents
from schemas import topics
from streams.app.topology import topology
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts
from tests.support.office_files import saved, word


def test_a_producers_file_is_indexed_and_a_broken_one_is_a_dead_letter(
    converter: Documents,
) -> None:
    ports = FakePorts(converter=converter)
    driver = Driver(topology(CONFIG), ports.opened)
    data = saved(word())
    for doc_id, content in (("good.docx", data), ("bad.docx", data[:5000])):
        record = {
            "op": "upsert",
            "tenant": "acme",
            "doc_id": doc_id,
            "body": base64.b64encode(content).decode(),
            "form": "base64",
        }
        key = f"acme/{doc_id}".encode()
        driver.send(topics.DOCS_FEED, json.dumps(record).encode(), key=key)
    driver.run()
    found = list(ports.index.scan("acme"))
    assert {each.doc_id for each in found} == {"good.docx"}
    assert any("(a) any breach" in each.text for each in found)
    (letter,) = driver.dead_letters(topics.DOCS_DLQ)
    assert (letter.stage, letter.key) == ("ingest", b"acme/bad.docx")
    assert "is no whole Office document" in letter.reason


def test_a_worker_loads_no_parser() -> None:
    """Their memory is the child's alone, and start-up does not wait for them."""
    parsers = ("docx", "pptx", "openpyxl", "pdf_oxide", "html_to_markdown", "lxml", "PIL")
    code = f"import sys, streams.app.opening; print([m for m in {parsers} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
