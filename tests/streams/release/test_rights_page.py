"""The page that says who may do what is right."""

from __future__ import annotations

from pathlib import Path

from streams.app import opening
from streams.app.rights import Flow, by_stage, principals
from streams.app.settings import load
from streams.release import rendering

PAGE = Path(__file__).parents[3] / "docs" / "security.md"


def test_the_table_in_the_docs_is_what_the_topology_says() -> None:
    settings = load()
    stages = opening.stages(settings)
    found = principals(Flow.of(settings, stages), by_stage(stages))
    table = "\n".join(rendering.rights(found))
    anew = "paste `millrace topics acl --by stage --markdown` anew"
    assert f"--markdown` -->\n{table}\n<!-- end -->" in PAGE.read_text(), anew
