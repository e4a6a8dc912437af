from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("schemas", "processors", "connectors", "streams", "evaluation")
MOST_LINES = 500

# What each package may import of ours.
ALLOWED = {
    "schemas": {"schemas"},
    "processors": {"schemas", "processors"},
    "connectors": {"schemas", "processors", "connectors"},
    "streams": {"schemas", "streams"},
    "evaluation": set(LAYERS),
}
# The two files of streams that see more, and why they are there.
EXCEPTIONS = {
    "streams/topology.py": {"schemas", "processors", "streams"},
    "streams/wiring.py": {"schemas", "processors", "connectors", "streams"},
}


def _sources() -> list[Path]:
    return [path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found & set(LAYERS)


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    allowed = EXCEPTIONS.get(name, ALLOWED[name.partition("/")[0]])
    assert _imports(path) <= allowed


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
