"""A folder and a repository that change at random while whoever follows them is killed, again and
again: in the end the index holds what they hold."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.app import opening
from streams.app.settings import Settings
from streams.local.worker_process import environment
from tests.support.kept import Kept, KeptFolder, KeptRepository
from tests.system.cli import Cli
from tests.system.harness import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.drill,
    pytest.mark.skipif(os.environ.get("DRILL") != "full", reason="a drill: `make drill`"),
]
KILLS = int(os.environ.get("KILLS", "30"))
NAMES = [f"{folder}/{number}.md" for folder in "abc" for number in range(6)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    data = tmp_path_factory.mktemp("followed")
    cli = Cli(data)
    cli("up", "--detach")
    yield Settings(data=data, bootstrap_servers=cli.json("status")["bootstrap_servers"])
    cli("down")


def searchable(settings: Settings, tenant: str) -> dict[str, str]:
    lines = [json.loads(line) for line in opening.dump_index(settings, tenant)]
    return {each["doc_id"]: each["text"] for each in lines}


def change(kept: Kept, held: dict[str, str], rng: random.Random) -> None:
    for name in rng.sample(NAMES, rng.randint(1, 5)):
        if name in held and rng.random() < 0.4:
            kept.remove(name)
            del held[name]
        else:
            held[name] = f"The number of this page is {rng.random()}."
            kept.put(name, held[name].encode())
    kept.done()


@pytest.mark.parametrize("kind", [KeptFolder, KeptRepository])
def test_whoever_follows_is_killed_and_the_index_is_as_the_source(
    settings: Settings, kind: type[KeptFolder] | type[KeptRepository], tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"seed {seed}")
    rng = random.Random(seed)
    kept, held, tenant = kind(tmp_path), dict[str, str](), f"{kind.__name__}-{seed}"
    where = str(kept.path) if kind is KeptFolder else f"git+{kept.path}#main"
    command = [sys.executable, "-m", "streams.cli", "follow", where, "--tenant", tenant]
    command += ["--every", "1", "--most-removed", "1"]

    def followed() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment(settings), stdout=subprocess.DEVNULL)

    process = followed()
    for _ in range(KILLS):
        until_s = time.monotonic() + rng.uniform(0.5, 4)
        while time.monotonic() < until_s:
            change(kept, held, rng)
            time.sleep(rng.uniform(0, 0.5))
        assert process.poll() is None, "it was alive"
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL
        change(kept, held, rng)
        process = followed()
    try:
        until(lambda: searchable(settings, tenant) == held, "the index to be as the source", 120)
    finally:
        process.terminate()
        assert process.wait(30) == 0
