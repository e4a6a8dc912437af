"""One tenant's files that take all the time they may, and what another tenant feels of them."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.events import DeadLettered, DocumentFed
from streams.app.settings import Settings
from streams.edge.client import reader
from streams.edge.documents import Feeder
from streams.runtime.codec import Codec
from tests.support.office_files import pdf, pdf_page
from tests.support.pdf_bytes import slow_pdf
from tests.system.cli import Cli
from tests.system.drill import Edge

# It compares times, and takes minutes where others use the machine too.
pytestmark = [
    pytest.mark.system,
    pytest.mark.drill,
    pytest.mark.skipif(
        os.environ.get("DRILL") != "full", reason="takes 2 to 10 minutes: run `make drill`"
    ),
]
FILES = 50
CHANGES = 40
# Half a second of the processor, and what comes to a whole one: so the kernel counts.
LIMITS = {"MILLRACE_CONVERT__TIMEOUT_S": "0.5", "MILLRACE_CONVERT__PROCESSES": "2"}
PATIENCE_S = 600.0  # a minute on a machine that has nothing else to do
TOO_SLOW = "takes more than 0.5 s to convert"
# Beside the ratio, what a converter that keeps one of two cores busy may add to a change, which
# goes through four processes: a turn of the scheduler or two in each.
SLACK_S = 0.1


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a running stack that gives up soon on a file."""
    cli = Cli(tmp_path, LIMITS)
    cli("up", "--detach")
    yield Settings(data=tmp_path, bootstrap_servers=cli.json("status")["bootstrap_servers"])
    cli("down")


def _fed(tenant: str, doc_id: str, version: int, data: bytes) -> DocumentFed:
    form = "base64" if doc_id.endswith(".pdf") else "source"
    body = base64.b64encode(data).decode() if form == "base64" else data.decode()
    return DocumentFed(
        op="upsert", tenant=tenant, doc_id=doc_id, version=version, body=body, form=form
    )


def _pages(revision: int) -> list[DocumentFed]:
    text = "# Rates\n\nThe rate of account {n} in revision {r} is {p} percent.\n"
    return [
        _fed("good", f"{n}.md", revision, text.format(n=n, r=revision, p=n + revision).encode())
        for n in range(CHANGES)
    ]


def _times(settings: Settings, documents: Sequence[DocumentFed]) -> list[float]:
    """Seconds from feeding each until it is searchable, one after the other."""
    took: list[float] = []
    with reader(settings) as consumer:
        feeder = Feeder(settings, Codec(), consumer)
        for number, document in enumerate(documents, 1):
            time.sleep(0.05)  # it shall not ride along with the one before
            begin = time.perf_counter()
            report = feeder.feed([document], patience_s=60)
            took.append(time.perf_counter() - begin)
            assert report.searchable == number, report.rejected
    return sorted(took)


def _letters(edge: Edge) -> list[DeadLettered]:
    records = edge.records(topics.DOCS_DLQ.name)
    return [Codec().decode(topics.DOCS_DLQ, each.value) for each in records]


def _await_letters(edge: Edge, count: int) -> list[DeadLettered]:
    """All letters, once there are so many; looks seldom, since that costs time too."""
    until_s = time.monotonic() + PATIENCE_S
    while len(letters := _letters(edge)) < count:
        assert time.monotonic() < until_s, f"{len(letters)} letters of {count}"
        time.sleep(1)
    return letters


def test_fifty_bad_pdfs_of_one_tenant_are_hardly_felt_by_another(settings: Settings) -> None:
    edge = Edge(settings)
    _times(settings, _pages(1)[:10])  # nobody's first
    before = _times(settings, _pages(2))

    for number in range(FILES):
        bad = _fed("bad", f"{number}.pdf", 1, slow_pdf(str(number)))
        said: dict[str, Any] = {name: getattr(bad, name) for name in ("op", "tenant", "doc_id")}
        said |= {"version": 1, "body": bad.body, "form": bad.form}
        edge.put(topics.DOCS_FEED.name, f"bad/{number}.pdf", said)
    edge.flush()
    _await_letters(edge, 1)
    during = _times(settings, _pages(3))
    files = [_fed("good", f"{n}.pdf", 1, pdf([pdf_page(n)])) for n in range(1, 6)]
    converted = _times(settings, files)
    assert len(_letters(edge)) < FILES, "they were still at it"

    letters = _await_letters(edge, FILES)
    assert sorted(each.key or b"" for each in letters) == sorted(
        f"bad/{number}.pdf".encode() for number in range(FILES)
    )
    assert all(TOO_SLOW in each.reason for each in letters), {each.reason for each in letters}
    after = _times(settings, _pages(4))
    for what, times in (
        ("before", before),
        ("during", during),
        ("after", after),
        ("PDFs, during", converted),
    ):
        print(f"{what}: p50 {1000 * _middle(times):.0f} ms, most {1000 * times[-1]:.0f} ms")
    # Of a machine that others use too, the worse of both is what it is without them.
    assert during[-1] < 1.5 * max(before[-1], after[-1]) + SLACK_S
    assert _middle(during) < 1.5 * max(_middle(before), _middle(after)) + SLACK_S


def _middle(times: Sequence[float]) -> float:
    return times[len(times) // 2]
