"""Text that would steer a terminal: an answer, a title, a dead letter's key."""

from __future__ import annotations

import io
import json
import logging
import re
import sys

import pytest
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from streams import cli
from streams.cli.console import Plain, print_json
from streams.runtime.telemetry import JsonLogs

# Clears the screen, renames the window, writes to the clipboard; in seven bits and in eight.
STEERING = "a\x1b[2Jb\x1b]0;owned\x07c\x9b2Jd\x1b]52;c;cm0gLXJm\x07e\x7f\x08\r\x00f"
# Turns what follows, so that "paid to eve" reads otherwise than it is.
TURNING = "\u202edlog\u202c \u2066x\u2069"


def shown(*things: object) -> str:
    file = io.StringIO()
    terminal = Plain(file=file, force_terminal=True, color_system=None, width=200)
    for thing in things:
        terminal.print(thing)
    return file.getvalue()


def test_no_text_steers_the_terminal_it_is_shown_on() -> None:
    table = Table("key", "reason", box=None)
    table.add_row(escape(STEERING), STEERING)
    said = shown(escape(STEERING), Padding(escape(STEERING), (0, 2)), table)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
    assert said.count("owned") == 4, "it is shown, and does nothing"
    assert "a\\x1b[2Jb" in said


def test_lines_and_tabs_of_a_document_stay() -> None:
    assert shown("one\ntwo") == "one\ntwo\n"


def test_json_for_scripts_says_them_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"answer": STEERING})
    said = capsys.readouterr().out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
    assert json.loads(said) == {"answer": STEERING}


def test_text_that_turns_its_direction_reads_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(TURNING) == "\\u202edlog\\u202c \\u2066x\\u2069\n"
    print_json({"answer": TURNING + "\u2028"})
    said = capsys.readouterr().out
    assert said.isascii() and len(said.splitlines()) == 1
    assert json.loads(said) == {"answer": TURNING + "\u2028"}


def test_errors_and_logs_steer_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["millrace", "feed", f"/nowhere/{STEERING}"])
    monkeypatch.setenv("MILLRACE_BOOTSTRAP_SERVERS", "")
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr().err
    record = logging.makeLogRecord({"msg": "key %s", "args": (STEERING,), "levelname": "INFO"})
    record.key = STEERING
    for text in (said, JsonLogs().format(record)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert json.loads(JsonLogs().format(record))["key"] == STEERING
