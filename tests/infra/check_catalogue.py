"""The catalogue by AsyncAPI's schema and Backstage's own model. Run by `make check-infra`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.flow.caching import kept
from streams.release.observing.objectives import edges
from streams.release.onboarding import KINDS, files
from tests.infra.tools import MODULE

CATALOGUE = MODULE.parent / "catalogue"
TOOL = MODULE / "npm"


@pytest.fixture(scope="module")
def program() -> Path:
    """The checking program with its packages, installed once into the user's cache."""
    npm = shutil.which("npm")
    assert npm, "these checks need Node 20 or newer, with npm"
    files = sorted(each for each in TOOL.iterdir() if each.is_file())
    mark = hashlib.blake2b(b"".join(each.read_bytes() for each in files), digest_size=8).hexdigest()
    folder = kept(f"npm-{mark}", Path("build") / f"npm-{mark}")
    if not (folder / "node_modules" / "yaml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for each in files:
            shutil.copy(each, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    return folder / "catalogue.mjs"


def wrong(program: Path, folder: Path, *entries: Path) -> str:
    """What is wrong with the catalogue in a folder, and with further entries; empty: nothing."""
    node = shutil.which("node")
    assert node, "these checks need Node 20 or newer"
    command = [node, program, folder, *entries]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_catalogue_is_as_asyncapi_and_backstage_have_it(program: Path) -> None:
    assert not wrong(program, CATALOGUE)


def test_what_a_new_tenant_and_agent_say_of_themselves_are_entries(
    program: Path, tmp_path: Path
) -> None:
    said = {"name": "acme", "owner": "group:risk", "tenant": "acme"}
    money = {"budget": "50", "soft": "40", "rate": "5"}
    entries: list[Path] = []
    for kind in KINDS:
        for path, text in files(kind, said | money, {e.name: e for e in edges(None)}).items():
            if path.endswith("catalog-info.yaml"):
                entries.append(tmp_path / f"{kind}.yaml")
                entries[-1].write_text(text)
    assert len(entries) == 2
    assert not wrong(program, CATALOGUE, *entries)
    entries[0].write_text(entries[0].read_text().replace("  type: tenant\n", ""))
    assert "type" in wrong(program, CATALOGUE, *entries)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("asyncapi.yaml", "action: receive", "action: recieve", "/operations/"),
        ("catalog-info.yaml", "  lifecycle: production\n", "", "lifecycle"),
        ("catalog-info.yaml", "  name: rag.requests\n", "  name: rag requests\n", "name"),
        ("catalog-info.yaml", "kind: Resource", "kind: Resorce", "Resorce"),
        ("templates/tenant/template.yaml", "    action: fetch:template\n", "", "action"),
        ("templates/agent/template.yaml", "  owner: rag-platform\n", "  owner: [a, b]\n", "owner"),
    ],
)
def test_what_is_wrong_in_it_is_named(
    program: Path, tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    shutil.copytree(CATALOGUE, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    assert said in wrong(program, tmp_path)
