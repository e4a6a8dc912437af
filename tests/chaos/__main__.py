"""`python -m tests.chaos [NAME...]`: drills, all or those of faults whose names begin so."""

from __future__ import annotations

import json
import pickle
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from evaluation.bench.report import Setting
from evaluation.evaluate import score_all
from evaluation.quality.judge import load as load_judge
from streams.app.settings import load
from tests.chaos import drill, table
from tests.chaos.faults import FAULTS, NORMAL
from tests.chaos.rig import rig

BEGIN = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - BEGIN:6.0f} s  {what}", file=sys.stderr, flush=True)


def asked(wanted: list[str]) -> tuple[Setting, list[drill.Heard]]:
    setting, items = Setting.here(), drill.sample()
    faults = [e for e in FAULTS if not wanted or any(e.name.startswith(w) for w in wanted)]
    with rig(say) as ready:
        heard: list[drill.Heard] = []
        try:
            for fault in (NORMAL, *faults):
                drill.settled(ready.settings, items, say)
                heard.append(drill.ask(ready, fault, items, say))
        except KeyboardInterrupt:
            say("interrupted: what was heard so far is scored")
    return setting, heard


def scored(setting: Setting, heard: list[drill.Heard]) -> int:
    """Writes the results and the table; 1 if a fault's answers are less faithful than normal."""
    items = drill.sample()
    # Most faults change no answer: what was said before of the same passages is scored once.
    different = {
        drill.said(item, reply): (item, reply)
        for each in heard
        for item, reply in zip(items, each.replies, strict=True)
    }
    asked, replies = zip(*different.values(), strict=True)
    judge, found_scores = score_all(load(), load_judge(), asked, replies, say)
    scores = dict(zip(different, found_scores, strict=True))
    rows = [
        drill.row(each, items, [scores[said] for said in map(drill.said, items, each.replies)])
        for each in heard
    ]
    found = {
        "judge": judge,
        "setting": asdict(replace(setting, command="make chaos")),
        "faults": rows,
    }
    table.RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table.PAGE.write_text(table.put(table.PAGE.read_text("utf-8"), found), encoding="utf-8")
    print(table.table(found))
    worse = [each["fault"] for each in rows[1:] if drill.worse(rows[0], each)]
    for name in worse:
        print(f"less faithful than without a fault: {name}", file=sys.stderr)
    return 1 if worse else 0


def main(wanted: list[str]) -> int:
    """`--ask FILE` only asks, `--score FILE` only scores what was asked; else both.

    `--page` writes the page from the results that are there.
    """
    if wanted[:1] == ["--page"]:
        found = json.loads(table.RESULTS.read_text("utf-8"))
        table.PAGE.write_text(table.put(table.PAGE.read_text("utf-8"), found), encoding="utf-8")
        return 0
    if wanted[:1] == ["--score"]:
        return scored(*pickle.loads(Path(wanted[1]).read_bytes()))
    if wanted[:1] == ["--ask"]:
        Path(wanted[1]).write_bytes(pickle.dumps(asked(wanted[2:])))
        return 0
    return scored(*asked(wanted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
