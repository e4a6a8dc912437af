"""Tries a policy before it is in force: `python -m connectors.rego.trial FOLDER HASH`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from connectors.rego.compiled import Compiled
from connectors.rego.source import UnusableError, read
from processors.guard.decision import UNAVAILABLE, Ask

MOST_MS = 25.0  # of the fastest of a few tries, each of what is asked of every question
TRIES = 5

_WHO = {"tenant": "trial", "user": "", "roles": ["trial"], "classes": [], "proof": "trust"}
_TEXT: Mapping[str, object] = {"text": "what is it? " * 160, "length": 1920, "found": []}
_HIT = {"tenant": "trial", "classes": ["internal"], "acl": ["*"]}
ASKED: dict[Ask, dict[str, object]] = {
    "ask": {
        "identity": _WHO,
        "question": {**_TEXT, "tenant": "trial", "filters": {}, "reply_to": ""},
    },
    "search": {"identity": _WHO, "variants": [_TEXT] * 4},
    "show": {"identity": _WHO, "hits": [{**_HIT, "acl": [f"group {n}"]} for n in range(30)]},
}


def tried(folder: Path, mark: str) -> None:
    """Return if the policy answers everything, and soon.

    Raises:
        UnusableError: it does not.
    """
    source = read(folder)
    if source.mark != mark:
        raise UnusableError("the policy changed while it was tried")
    policy = Compiled(source)
    for ask, about in ASKED.items():
        best = MOST_MS + 1
        for _ in range(TRIES):
            before = time.perf_counter()
            decided = policy.decide(ask, about)
            best = min(best, 1000 * (time.perf_counter() - before))
            if any(each.rule == UNAVAILABLE for each in decided.refusals):
                raise UnusableError(f"the policy's rule {ask} gives no decision")
        if best > MOST_MS:
            raise UnusableError(
                f"the policy's rule {ask} takes {best:.0f} ms; at most {MOST_MS:.0f}"
            )


if __name__ == "__main__":
    try:
        tried(Path(sys.argv[1]), sys.argv[2])
    except UnusableError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
