from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("schemas", "processors", "connectors", "streams", "evaluation")
MOST_LINES = 500

FLOW = "streams.flow"
# What each package may import of ours; the longest name that fits a module counts.
ALLOWED = {
    FLOW: {FLOW},
    "schemas": {"schemas", FLOW},
    "processors": {"schemas", "processors", FLOW},
    "connectors": {"schemas", "processors", "connectors", FLOW},
    "streams": {"schemas", "streams"},
    "streams.app": {"schemas", "processors", "connectors", "streams"},
    "evaluation": set(LAYERS),
}


def _sources() -> list[Path]:
    return [path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] in LAYERS}


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    package = max((each for each in ALLOWED if f"{name}.".startswith(f"{each}.")), key=len)
    for imported in _imports(path):
        assert any(f"{imported}.".startswith(f"{each}.") for each in ALLOWED[package]), imported


def test_no_file_needs_a_table_of_contents() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    long = {
        name: lines
        for name in listed.stdout.split()
        if (ROOT / name).exists()
        and (lines := len((ROOT / name).read_text().splitlines())) > MOST_LINES
    }
    assert not long
