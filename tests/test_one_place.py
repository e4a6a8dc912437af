"""What a new stage and a new store cost: examples are applied to a copy, and files are counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project in a folder of its own, as git sees it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    wanted = ("streams/", "processors/", "schemas/", "connectors/", "policies/", "pyproject.toml")
    for name in listed.stdout.decode().split("\0"):
        if name.startswith(wanted) and (ROOT / name).is_file():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(ROOT / name)
    return tmp_path


def edit(copy: Path, name: str, old: str, new: str) -> None:
    """What a person does in an editor."""
    file = copy / name
    said = file.read_text()
    assert said.count(old) == 1, f"{name} no longer says {old!r}: mend the example's words too"
    file.unlink()
    file.write_text(said.replace(old, new))


def run(copy: Path, *command: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy), **variables}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def touched(copy: Path) -> set[str]:
    """Files that are new or no longer those of the project; what codegen writes counts as one."""
    found: set[str] = set()
    for file in copy.rglob("*"):
        if file.is_symlink() or not file.is_file() or "__pycache__" in file.parts:
            continue
        name = file.relative_to(copy).as_posix()
        if (ROOT / name).exists() and (ROOT / name).read_bytes() == file.read_bytes():
            continue
        generated = file.suffix == ".py" and "Generated from schemas/avro" in file.read_text()[:300]
        found.add("(generated)" if generated else name)
    return found


def unlinked(copy: Path) -> None:
    """Code generation writes into files: they must not be the project's."""
    for file in (copy / "schemas").glob("*.py"):
        data = file.read_bytes()
        file.unlink()
        file.write_bytes(data)


def test_a_new_stage_with_a_new_event_touches_its_file_and_three_lines(copy: Path) -> None:
    example = EXAMPLES / "add-a-stage"
    shutil.copy(example / "greet.py", copy / "processors/questions/greet.py")
    shutil.copy(example / "QuestionGreeted.avsc", copy / "schemas/avro/QuestionGreeted.avsc")
    unlinked(copy)
    run(copy, "-m", "schemas.codegen")
    edit(
        copy,
        "schemas/topics.py",
        "    QuestionClosed,\n    QuestionRewritten,\n",
        "    QuestionClosed,\n    QuestionGreeted,\n    QuestionRewritten,\n",
    )
    edit(
        copy,
        "schemas/topics.py",
        "RAG_CLOSED = ",
        'RAG_GREETED = Topic("rag.greeted", QuestionGreeted, lambda event: event.request_id)\n'
        "RAG_CLOSED = ",
    )
    edit(copy, "streams/app/topology.py", "answers, rerank,", "answers, greet, rerank,")
    edit(
        copy,
        "streams/app/topology.py",
        "        rekey.stage(),\n",
        "        greet.stage(),\n        rekey.stage(),\n",
    )
    rows = json.loads(run(copy, "-m", "streams.cli", "topology", "--json"))
    (row,) = (each for each in rows if each["stage"] == "greet")
    assert (row["reads"], row["writes"]) == (["rag.answers"], ["rag.greeted"])
    assert "rag_greeted" in run(copy, "-m", "streams.cli", "topology", "--mermaid")
    assert touched(copy) == {
        "processors/questions/greet.py",
        "schemas/avro/QuestionGreeted.avsc",
        "(generated)",
        "schemas/topics.py",
        "streams/app/topology.py",
    }


def test_a_new_store_with_a_setting_touches_its_folder_and_a_line(copy: Path) -> None:
    folder = copy / "connectors/file_cache"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shutil.copy(EXAMPLES / "add-a-store/port.py", folder / "port.py")
    ports = "streams/app/ports.py"
    edit(
        copy,
        ports,
        "_on(needs.CACHE, RedisSettings, cache)",
        "_on(needs.CACHE, FileCacheSettings, cache)",
    )
    edit(
        copy,
        ports,
        "from connectors.redis.port import (\n",
        "from connectors.file_cache.port import FileCacheSettings, cache\n"
        "from connectors.redis.port import (\n",
    )
    edit(copy, ports, "    answers,\n    cache,\n", "    answers,\n")
    said = run(
        copy,
        "-c",
        "from contextlib import ExitStack\n"
        "from processors.needs import CACHE\n"
        "from streams.app.ports import open_these\n"
        "from streams.app.settings import load\n"
        "with ExitStack() as stack:\n"
        "    cache = open_these(load(), stack, CACHE)[CACHE]\n"
        "    cache.put('acme', {'key': b'vector'})\n"
        "    print(cache.get('acme', ['key', 'none']), cache.get('other', ['key']))\n",
        MILLRACE_DATA=str(copy / "data"),
        MILLRACE_FILE_CACHE__FOLDER="here",
    )
    assert said == "[b'vector', None] [None]\n"
    assert len([*(copy / "data/here").iterdir()]) == 1
    shutil.rmtree(copy / "data")
    assert touched(copy) == {
        "connectors/file_cache/__init__.py",
        "connectors/file_cache/port.py",
        "streams/app/ports.py",
    }
