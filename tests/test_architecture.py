"""The shape of the code: which way imports go, and how long files are."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "processors", "connectors", "streams", "evaluation")
MOST_LINES = 400
MEDIAN_LINES = 100
# Longer ones, and how long they may be until they are divided. This list only shrinks.
STILL_LONG: dict[str, int] = {}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make check` does, in a folder that has the packages and pyproject.toml."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages' code, to be spoiled."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return folder


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("streams.flow.errors", "schemas.events"),
        ("schemas.topics", "processors.ports"),
        ("processors.ports", "connectors.redis.store"),
        ("processors.ports", "streams.runtime.codec"),
        ("processors.ports", "redis"),
        ("connectors.redis.store", "streams.runtime.telemetry"),
        ("streams.runtime.codec", "processors.ports"),
        ("streams.runtime.codec", "streams.edge.client"),
        ("streams.runtime.codec", "streams.local.state"),
        ("streams.runtime.codec", "streams.release.versions"),
        ("streams.app.host", "streams.cli.console"),
        ("streams.edge.client", "connectors.redis.store"),
        ("streams.cli.console", "connectors.redis.store"),
        ("streams.cli.console", "evaluation.lines"),
        ("evaluation.quality.gates", "evaluation.research.variants"),
    ],
)
def test_an_import_against_the_arrows_is_refused_by_name(
    tree: Path, importer: str, imported: str
) -> None:
    path = tree / f"{importer.replace('.', '/')}.py"
    before = path.read_text()
    path.write_text(f"{before}\nimport {imported}\n")
    done = lint_imports(tree)
    path.write_text(before)
    assert done.returncode == 1
    assert f"{importer} -> {imported}" in " ".join(done.stdout.split())


def test_imports_go_one_way(tree: Path) -> None:
    assert lint_imports(tree).returncode == 0


def line_counts() -> dict[str, int]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split()]
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in paths
        if path.exists()
    }


def test_no_file_needs_a_table_of_contents() -> None:
    long = {name: lines for name, lines in line_counts().items() if lines > MOST_LINES}
    assert long.keys() == STILL_LONG.keys()
    assert all(lines <= STILL_LONG[name] for name, lines in long.items())


def test_half_of_the_files_fit_a_screen_or_two() -> None:
    of_packages = [
        lines for name, lines in line_counts().items() if name.partition("/")[0] in PACKAGES
    ]
    assert statistics.median(of_packages) <= MEDIAN_LINES
