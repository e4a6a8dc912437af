"""The command line loads what its verb needs, and no less than all where all is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer

from streams.cli import GROUPS, VERBS, command_line


def verbs(made: typer.Typer) -> dict[str, Any]:
    group: Any = typer.main.get_command(made)
    return dict(group.commands)


def test_the_table_names_every_verb_of_every_file() -> None:
    for module in set(VERBS.values()):
        own = {each for each, where in VERBS.items() if where == module}
        whole = verbs(command_line(next(iter(own))))
        assert own == whole.keys(), module
    places = {place.partition(":")[0] for place in GROUPS.values()} | {*VERBS.values()}
    for module in places:
        held = {
            f"{module}:{name}"
            for name, value in vars(import_module(f"streams.cli.{module}")).items()
            if isinstance(value, typer.Typer)
        }
        known = {*GROUPS.values(), *(f"{each}:app" for each in VERBS.values())}
        assert held <= known, "a group of verbs that nobody can reach"


def test_one_verb_by_itself_is_what_it_is_among_all() -> None:
    every = verbs(command_line())
    assert {*VERBS, *GROUPS, "bench", "demo", "tune"} == every.keys()
    for verb in every:
        alone = verbs(command_line(verb))
        assert [each.name for each in every[verb].params] == [
            each.name for each in alone[verb].params
        ]


@pytest.mark.parametrize("verb", ["status", "ask", "feed", "trail", "dlq"])
def test_what_a_client_types_loads_no_models_and_no_numbers(verb: str) -> None:
    said = (
        "import sys; from streams.cli import command_line;"
        f"command_line({verb!r});"
        "print({'numpy', 'onnxruntime', 'openvino', 'tokenizers'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_verb_that_is_none_is_told_with_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "fede"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "fede" in done.stderr and "feed" in done.stderr
