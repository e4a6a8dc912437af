"""Whether OPA and the engine decide alike: `python -m evaluation.research.guarding.agreement`.

A real OPA server has the shipped policy and is asked, as workers ask it, about every text of
presidio-research, XSTest, BIPIA (its attacks, and all that they are planted in) and NotInject: each
as a question and as a variant, by somebody at random, with hits of labels at random. Writes
evaluation/results/decisions.json and the table of docs/guard.md. Exit code 1: they do not agree.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import typer

from connectors.opa.policy import OpaPolicy
from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from evaluation.bench.report import Setting
from evaluation.lines import packed
from evaluation.research.pages import DOCS, placed, table
from processors.guard.asking import may_ask, may_search
from processors.guard.decision import Decision
from processors.guard.identity import TOKEN, TOPIC, TRUST, Identity
from processors.guard.ports import Policy
from processors.guard.shadow import difference
from schemas.events import QuestionAsked
from streams.app.policies import SHIPPED
from streams.flow.errors import UserError

COMMAND = "python -m evaluation.research.guarding.agreement"
SETS = {
    "presidio-research": (("presidio_pii/generated_large", "full_text"),),
    "XSTest": (("xstest/prompts", "prompt"),),
    "BIPIA": (
        ("bipia/attacks", "text"),
        ("bipia/email_train", "context"),
        ("bipia/table_train", "context"),
        ("bipia/table_train", "question"),
        ("bipia/code_train", "context"),
        ("bipia/code_train", "code"),
        ("bipia/code_train", "error"),
    ),
    "NotInject": (("notinject/prompts", "prompt"),),
}
ROLES, CLASSES = ("hr", "risk", "everyone"), ("public", "internal", "confidential", "vault")
TENANTS, HITS = ("acme", "other"), 5
PATIENCE_S = 30.0


@contextmanager
def server(opa: str) -> Generator[str]:
    """A server with the shipped policy, on a port of this machine alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    files = [str(SHIPPED / "authz" / "authz.rego"), str(SHIPPED / "tenants.yaml")]
    command = [opa, "run", "--server", "--addr", address, "--log-level", "error", *files]
    with subprocess.Popen(command) as process:
        try:
            until = time.monotonic() + PATIENCE_S
            while not _answers(f"http://{address}/health"):
                if process.poll() is not None or time.monotonic() > until:
                    raise UserError(f"{opa} does not serve on {address}")
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def texts(data: Path, files: Sequence[tuple[str, str]]) -> list[str]:
    """All that these fields hold; lines of one text are put together."""
    found: list[str] = []
    for name, field in files:
        for row in packed(data / f"{name}.jsonl.gz"):
            said = row[field]
            found.append(said if isinstance(said, str) else "\n".join(map(str, said)))
    return found


def asks(text: str, chance: random.Random) -> Iterator[tuple[str, Callable[[Policy], Decision]]]:
    """What is asked of a policy about a text, by somebody at random."""

    def some(names: Sequence[str]) -> list[str]:
        return [each for each in names if chance.random() < 0.3]

    who = Identity(
        chance.choice(TENANTS), "anne", tuple(some(ROLES)), tuple(some(CLASSES)),
        chance.choice((TRUST, TOPIC, TOKEN)),
    )  # fmt: skip
    event = QuestionAsked(
        tenant=chance.choice((who.tenant, who.tenant, *TENANTS)),
        query=text,
        filters=chance.choice(({}, {"lang": "en"}, {"tenant": TENANTS[1]})),
        reply_to=chance.choice((None, "rag.answers.acme", "rag.answers.other")),
    )
    hits: Any = [
        {
            "tenant": chance.choice(TENANTS),
            "classes": some(CLASSES),
            "acl": some((*ROLES, "*", "user:anne")),
        }
        for _ in range(HITS)
    ]
    yield "ask", lambda policy: may_ask(policy, who, event)
    yield "search", lambda policy: may_search(policy, who, [text, text[:40]])
    yield "show", lambda policy: policy.decide("show", {"identity": who.asked(), "hits": hits})


class Timed:
    """A policy, and the milliseconds of what it was asked."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.took: dict[str, list[float]] = {}

    def __call__(self, name: str, asked: Callable[[Policy], Decision]) -> Decision:
        begin = time.perf_counter()
        decided = asked(self._policy)
        self.took.setdefault(name, []).append((time.perf_counter() - begin) * 1000)
        return decided

    @property
    def p50(self) -> dict[str, float]:
        every = [each for took in self.took.values() for each in took]
        return {n: round(median(t), 3) for n, t in (*self.took.items(), ("any", every))}


def rendered(report: dict[str, Any]) -> str:
    """The table of `docs/guard.md`."""
    rows = [[n, *(f"{each:,}" for each in found.values())] for n, found in report["sets"].items()]
    first = table(("set", "texts", "decisions", "refuse", "differ"), rows)
    timed = table(
        ("p50 of a decision", *report["ms"]["in process"]),
        [(name, *(f"{ms} ms" for ms in found.values())) for name, found in report["ms"].items()],
    )
    return f"{first}\n\n{timed}\n\n{report['machine']['cpu']}, seed {report['seed']}. `{COMMAND}`"


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    opa: Annotated[str, typer.Option(help="The program, by `go install`.")] = "opa",
    output: Annotated[Path, typer.Option(help="The report.")] = Path(
        "evaluation/results/decisions.json"
    ),
    seed: Annotated[int, typer.Option()] = 15,
) -> None:
    """Ask both, tell where they differ, write the report and the table of docs/guard.md."""
    if shutil.which(opa) is None:
        raise typer.BadParameter(
            f"{opa} is no program: go install github.com/open-policy-agent/opa"
        )
    chance = random.Random(seed)
    asked = [
        (name, text, each)
        for name, files in SETS.items()
        for text in texts(data, files)
        for each in asks(text, chance)
    ]
    mine = Timed(Compiled(read(SHIPPED)))
    ones = [mine(*each) for _, _, each in asked]
    with server(opa) as url:
        outside = OpaPolicy(url, timeout_s=10)
        theirs = Timed(outside)
        others = [theirs(*each) for _, _, each in asked]
        outside.close()
    sets = {name: {"texts": 0, "decisions": 0, "refuse": 0, "differ": 0} for name in SETS}
    for (name, text, (ask, _)), one, other in zip(asked, ones, others, strict=True):
        found, said = sets[name], difference(one, other)
        found["texts"] += ask == "ask"
        found["decisions"] += 1
        found["refuse"] += not one.allowed
        found["differ"] += bool(said)
        if said:
            typer.echo(f"{ask} {text[:60]!r}: {said}")
    differ = sum(found["differ"] for found in sets.values())
    report: dict[str, Any] = {
        "command": COMMAND,
        "seed": seed,
        "machine": Setting.here().machine,
        "sets": sets,
        "ms": {"in process": mine.p50, "OPA's server": theirs.p50},
    }
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = DOCS / "guard.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")
    typer.echo(rendered(report))
    if differ:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
