"""Tables of docs are those of the results that lie beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.research import revoking, routing
from evaluation.research.guarding import agreement
from evaluation.research.pages import DOCS, placed

RESULTS = Path(__file__).parents[3] / "evaluation" / "results"


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_what_was_revoked_and_decided_and_routed_is_told_as_it_was_measured() -> None:
    revoked = revoking.rendered(result("revoke"))
    for name in ("guard.md", "caching.md"):
        assert placed(page(name), revoking.COMMAND, revoked) == page(name)
    decided = agreement.rendered(result("decisions"))
    assert placed(page("guard.md"), agreement.COMMAND, decided) == page("guard.md")
    routed = routing.rendered(result("routing-learned"))
    assert placed(page("tiers.md"), routing.COMMAND, routed) == page("tiers.md")
