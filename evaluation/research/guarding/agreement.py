"""Whether OPA and the engine decide alike: `python -m evaluation.research.guarding.agreement`.

A real OPA server has the shipped policy and is asked, as workers ask it, about every text of
presidio-research, XSTest, BIPIA and NotInject. Exit code 1: they differ somewhere.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from connectors.opa.policy import OpaPolicy
from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from evaluation.lines import packed
from processors.guard.asking import may_ask, may_search
from processors.guard.identity import Identity
from processors.guard.shadow import difference
from schemas.events import QuestionAsked
from streams.app.policies import SHIPPED
from streams.flow.errors import UserError

SETS = (
    ("presidio_pii", "generated_large.jsonl.gz", "full_text"),
    ("xstest", "prompts.jsonl.gz", "prompt"),
    ("bipia", "attacks.jsonl.gz", "text"),
    ("notinject", "prompts.jsonl.gz", "prompt"),
)
WHO = Identity("acme", "anne", ("hr",), (), "token")
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


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    opa: Annotated[str, typer.Option(help="The program, by `go install`.")] = "opa",
) -> None:
    """Ask both, and tell where they differ."""
    if shutil.which(opa) is None:
        raise typer.BadParameter(
            f"{opa} is no program: go install github.com/open-policy-agent/opa"
        )
    texts = [row[field] for name, file, field in SETS for row in packed(data / name / file)]
    mine, asked, differ, refused = Compiled(read(SHIPPED)), 0, 0, 0
    with server(opa) as url:
        theirs = OpaPolicy(url, timeout_s=10)
        for text in texts:
            question = QuestionAsked(tenant=WHO.tenant, query=text, filters={})
            for one, other in (
                (may_ask(mine, WHO, question), may_ask(theirs, WHO, question)),
                (may_search(mine, WHO, [text]), may_search(theirs, WHO, [text])),
            ):
                asked += 1
                refused += not one.allowed
                if said := difference(one, other):
                    differ += 1
                    typer.echo(f"{text[:60]!r}: {said}")
        theirs.close()
    typer.echo(f"{len(texts):,} texts, {asked:,} decisions, {refused} refuse, {differ} differ")
    if differ:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
