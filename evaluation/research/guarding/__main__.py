"""How well the guard finds what it looks for: `python -m evaluation.research.guarding`.

Planted instructions over BIPIA's open part, false alarms over NotInject and clean chunks, personal
data over presidio-research's sentences, false refusals over XSTest; and what one decision takes.
Writes evaluation/results/guarding.json and the tables of docs/guard.md.
"""

from __future__ import annotations

import json
import random
import time
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
from processors.guard.asking import may_ask, may_search
from processors.guard.identity import Identity
from processors.guard.instructing import Scorer
from processors.needs import EMBEDDER
from schemas.events import QuestionAsked
from streams.app.policies import SHIPPED
from streams.app.ports import open_these
from streams.app.settings import load

COMMAND = "python -m evaluation.research.guarding"
DECISIONS = 2000
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


def milliseconds(policy: Compiled, queries: list[str]) -> dict[str, float]:
    """What a question's decisions take, in process: half of them take less."""
    took: dict[str, list[float]] = {"ask": [], "search": []}
    for query in queries:
        asked = QuestionAsked(tenant="acme", query=query, filters={})
        begin = time.perf_counter()
        may_ask(policy, WHO, asked)
        between = time.perf_counter()
        may_search(policy, WHO, [query])
        took["ask"].append(between - begin)
        took["search"].append(time.perf_counter() - between)
    return {name: round(1000 * sorted(each)[len(each) // 2], 3) for name, each in took.items()}


def rendered(report: dict[str, Any]) -> str:
    """The tables of `docs/guard.md`."""
    parts = [
        planted.rendered(report["planted"]),
        personal_data.rendered(report["personal"]),
        table(
            ("questions nobody should be refused", "there", "refused"),
            [(r["set"], f"{r['questions']:,}", r["refused"]) for r in report["refusals"]],
        ),
        f"One decision in process, p50: whether a question may be asked {report['ms']['ask']} ms, "
        f"what is searched for it {report['ms']['search']} ms ({report['cpu']}). `{COMMAND}`",
    ]
    return "\n\n".join(parts)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


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
    questions = [row["question"] for row in packed(data / "nq_open_dev" / "questions.jsonl.gz")]
    with ExitStack() as stack:
        embedder = open_these(load(), stack, EMBEDDER)[EMBEDDER]
        report: dict[str, Any] = {
            "command": COMMAND,
            "planted": planted.measured(data, scorer, embedder, rng),
            "personal": personal_data.measured(data),
            "refusals": refusals(policy, data),
            "ms": milliseconds(policy, rng.sample(questions, min(DECISIONS, len(questions)))),
            "cpu": _cpu(),
        }
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = DOCS / "guard.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
