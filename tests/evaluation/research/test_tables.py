"""Tables of docs are those of the results that lie beside them."""

from __future__ import annotations

import json

import pytest

from evaluation.research import revoking
from evaluation.research.guarding import agreement
from evaluation.research.pages import DOCS, placed


@pytest.mark.parametrize(
    ("page", "result", "module"),
    [
        ("guard.md", "revoke", revoking),
        ("caching.md", "revoke", revoking),
        ("guard.md", "decisions", agreement),
    ],
)
def test_a_table_is_that_of_its_result(page: str, result: str, module: object) -> None:
    report = json.loads((revoking.REPORT.parent / f"{result}.json").read_text(encoding="utf-8"))
    text = (DOCS / page).read_text(encoding="utf-8")
    assert isinstance(module, type(revoking))
    assert placed(text, module.COMMAND, module.rendered(report)) == text
