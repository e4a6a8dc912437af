"""`python -m evaluation.chunking --data FOLDER... --output FILE`: chunkings side by side."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.redis_store import MemoryVectorCache
from evaluation.chunking.measure import Measured, Ports, measure
from evaluation.chunking.render import render
from evaluation.chunking.sets import DataSet, folder, sample_corpus
from processors.chunking import ChunkingConfig, ChunkingPolicy
from streams import wiring
from streams.errors import UserError
from streams.settings import load

app = typer.Typer(add_completion=False)
DOCS = Path(__file__).parents[2] / "docs" / "chunking.md"
SHIPPED = "as shipped"
# Each is one way for all types: what a type's strategy is worth shows beside those that are not
# made for it. "fixed, 20" is what a worsened chunker looks like.
STRATEGIES = ("structure", "provisions", "prose", "fixed")
BUDGETS = (120, 200, 240)


def variants(policy: ChunkingPolicy, budgets: Sequence[int]) -> dict[str, ChunkingPolicy]:
    """What is compared, by name: the shipped policy, each strategy, each budget, and a bad one."""
    base = policy.other
    found = {SHIPPED: policy}
    for name in STRATEGIES:
        found[f"{name}, {base.max_tokens}"] = _uniform(base, (name,), base.max_tokens)
    for tokens in budgets:
        shipped = {t: replace(config, max_tokens=tokens) for t, config in policy.types.items()}
        if tokens != base.max_tokens:
            other = replace(base, max_tokens=tokens)
            found[f"as shipped, but {tokens}"] = replace(policy, types=shipped, other=other)
    return found | {"fixed, 20": _uniform(base, ("fixed",), 20)}


def _uniform(base: ChunkingConfig, names: tuple[str, ...], tokens: int) -> ChunkingPolicy:
    least = min(base.min_tokens, tokens // 4)
    config = replace(base, strategies=names, max_tokens=tokens, min_tokens=least)
    return ChunkingPolicy("compared", {}, config)


@app.command()
def main(
    data: Annotated[list[Path] | None, typer.Option(help="BEIR folders, also.")] = None,
    documents: Annotated[int, typer.Option(min=1, help="Documents of a folder at most.")] = 1000,
    questions: Annotated[int, typer.Option(min=1, help="Questions of a folder at most.")] = 300,
    budget: Annotated[list[int] | None, typer.Option(help="Token budgets to try.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
    docs: Annotated[Path, typer.Option(help="The page to render the table in.")] = DOCS,
) -> None:
    """Compare chunkings in process: chunk, embed, index, ask; render the table in the docs."""
    settings = load()
    policy = wiring.chunking_policy(settings)
    sets = sample_corpus()
    for path in data or []:
        sets += folder(path, documents, questions)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        opened = wiring.Wiring(settings, stack)
        ports = Ports(opened.embedder, opened.counter, opened.converter, MemoryVectorCache())
        retrieval = replace(wiring.config(settings).retrieval, candidates=100)
        for each in sets:
            for name, variant in variants(policy, budget or BUDGETS).items():
                found = measure(each, variant, ports, retrieval)
                rows.append(_row(each, name, found))
                print(f"{each.name}: {name}: nDCG@10 {found.ndcg:.3f}", file=sys.stderr, flush=True)
    report = {
        "policy": policy.version,
        "model": opened.embedder.model,
        "documents_at_most": documents,
        "questions_at_most": questions,
        "rows": rows,
    }
    if output is not None:
        output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    docs.write_text(render(report, docs.read_text(encoding="utf-8")), encoding="utf-8")


def _row(data: DataSet, name: str, found: Measured) -> dict[str, Any]:
    return {
        "set": data.name,
        "documents": len(data.documents),
        "chunking": name,
        **found.as_json(),
    }


if __name__ == "__main__":
    try:
        app()
    except UserError as error:
        print(f"evaluation.chunking: {error}", file=sys.stderr)
        sys.exit(2)
