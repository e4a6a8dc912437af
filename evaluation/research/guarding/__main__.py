"""How well the guard finds what it looks for: `python -m evaluation.research.guarding`.

Planted instructions over BIPIA's open part, false alarms over NotInject and clean chunks, personal
data over presidio-research's sentences, and false refusals over XSTest.
Writes evaluation/results/guarding.json and the tables of docs/guard.md.
"""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from evaluation.lines import packed
from evaluation.research.guarding import personal_data, planted
from evaluation.research.guarding.learn import OUTPUT
from evaluation.research.pages import DOCS, placed, table
from processors.guard.asking import may_ask
from processors.guard.identity import Identity
from processors.guard.instructing import Scorer
from processors.needs import EMBEDDER
from schemas.events import QuestionAsked
from streams.app.policies import SHIPPED
from streams.app.ports import open_these
from streams.app.settings import load

COMMAND = "python -m evaluation.research.guarding"
WHO = Identity("acme", "anne", ("everyone",), (), "token")


def refusals(policy: Compiled, data: Path) -> list[dict[str, Any]]:
    """Of prompts that nobody should be refused for, and of NotInject's."""
    prompts = [(r["label"], r["prompt"]) for r in packed(data / "xstest" / "prompts.jsonl.gz")]
    harmless = [r["prompt"] for r in packed(data / "notinject" / "prompts.jsonl.gz")]
    found: list[dict[str, Any]] = []
    for name, texts in (
        ("XSTest, safe", [text for label, text in prompts if label == "safe"]),
        ("NotInject", harmless),
    ):
        asked = [QuestionAsked(tenant="acme", query=text, filters={}) for text in texts]
        refused = sum(not may_ask(policy, WHO, each).allowed for each in asked)
        found.append({"set": name, "questions": len(texts), "refused": refused})
    return found


def rendered(report: dict[str, Any]) -> str:
    """The tables of `docs/guard.md`."""
    parts = [
        planted.rendered(report["planted"]),
        personal_data.rendered(report["personal"]),
        table(
            ("questions nobody should be refused", "there", "refused"),
            [(r["set"], f"{r['questions']:,}", r["refused"]) for r in report["refusals"]],
        ),
        f"`{COMMAND}`",
    ]
    return "\n\n".join(parts)


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    output: Annotated[Path, typer.Option(help="The report.")] = Path(
        "evaluation/results/guarding.json"
    ),
    seed: Annotated[int, typer.Option()] = 15,
) -> None:
    """Measure, write the report, and put its tables into docs/guard.md."""
    rng = random.Random(seed)
    policy = Compiled(read(SHIPPED))
    scorer = Scorer.of(json.loads(OUTPUT.read_text(encoding="utf-8")))
    with ExitStack() as stack:
        embedder = open_these(load(), stack, EMBEDDER)[EMBEDDER]
        report: dict[str, Any] = {
            "command": COMMAND,
            "planted": planted.measured(data, scorer, embedder, rng),
            "personal": personal_data.measured(data),
            "refusals": refusals(policy, data),
        }
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = DOCS / "guard.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
