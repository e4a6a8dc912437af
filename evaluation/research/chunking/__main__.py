"""`python -m evaluation.research.chunking --data FOLDER... --output FILE`: side by side."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.research.chunking import books
from evaluation.research.chunking.measure import Measured, measure, open_model
from evaluation.research.chunking.render import render
from evaluation.research.chunking.sets import DataSet, folder, sample_corpus
from processors.documents.chunking import ChunkingConfig, ChunkingPolicy
from streams.app import config as app_config
from streams.app.settings import load
from streams.flow.errors import UserError

app = typer.Typer(add_completion=False)
DOCS = Path(__file__).parents[3] / "docs" / "chunking.md"
SHIPPED = "as shipped"
CONTROLS, PRIVACY = "controls.jsonl.gz", "dev.jsonl.gz"
# Each is one way for all types: what a type's strategy is worth shows beside those that are not
# made for it.
STRATEGIES = ("structure", "provisions", "prose", "fixed")
BUDGETS = (120, 200, 240)


def variants(policy: ChunkingPolicy, budgets: Sequence[int]) -> dict[str, ChunkingPolicy]:
    """What is compared, by name: the shipped policy, each strategy, each budget."""
    base = policy.other
    found = {SHIPPED: policy}
    for name in STRATEGIES:
        found[f"{name}, {base.max_tokens}"] = _uniform(base, (name,), base.max_tokens)
    for tokens in budgets:
        shipped = {t: replace(config, max_tokens=tokens) for t, config in policy.types.items()}
        if tokens != base.max_tokens:
            other = replace(base, max_tokens=tokens)
            found[f"as shipped, but {tokens}"] = replace(policy, types=shipped, other=other)
    return found


def worsened(policy: ChunkingPolicy) -> dict[str, ChunkingPolicy]:
    """What a bad chunker looks like; on small sets only, since it makes ten times the chunks."""
    return {"fixed, 20": _uniform(policy.other, ("fixed",), 20)}


def _uniform(base: ChunkingConfig, names: tuple[str, ...], tokens: int) -> ChunkingPolicy:
    least = min(base.min_tokens, tokens // 4)
    config = replace(base, strategies=names, max_tokens=tokens, min_tokens=least)
    return ChunkingPolicy("compared", {}, config)


@app.command()
def main(
    data: Annotated[
        list[Path] | None, typer.Option(help="BEIR folders, NIST's controls or PolicyQA, also.")
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="Documents of a folder at most.")] = 1000,
    questions: Annotated[int, typer.Option(min=1, help="Questions of a folder at most.")] = 300,
    budget: Annotated[list[int] | None, typer.Option(help="Token budgets to try.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
    docs: Annotated[Path, typer.Option(help="The page to render the table in.")] = DOCS,
) -> None:
    """Compare chunkings in process: chunk, embed, index, ask; render the table in the docs."""
    settings = load()
    policy = app_config.chunking_policy(settings)
    sets = sample_corpus()
    own = {each.name for each in sets}
    for path in data or []:
        sets += _sets(path, documents, questions)
    report: dict[str, Any] = {"policy": policy.version, "command": _command(), "rows": []}
    with ExitStack() as stack:
        ports = open_model(settings, stack)
        # Without the learned order: it has learned from some of these sets as the shipped policy
        # cuts them, and would speak for it.
        retrieval = replace(app_config.config(settings).retrieval, candidates=100, reordering=None)
        report["model"] = ports.embedder.model
        for each in sets:
            compared = variants(policy, budget or BUDGETS)
            if each.name in own:
                compared |= worsened(policy)
            shipped = measure(each, compared.pop(SHIPPED), ports, retrieval)
            _add(report, each, SHIPPED, shipped, shipped)
            for name, variant in compared.items():
                _add(report, each, name, measure(each, variant, ports, retrieval), shipped)
            if output is not None:
                # After each set, so that a run that is stopped leaves what it has.
                output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    docs.write_text(render(report, docs.read_text(encoding="utf-8")), encoding="utf-8")


def _sets(path: Path, most_documents: int, most_questions: int) -> list[DataSet]:
    for name, read in ((CONTROLS, books.controls), (PRIVACY, books.privacy)):
        if (path / name).is_file():
            try:
                return [read(path / name, most_questions)]
            except KeyError as error:
                raise UserError(f"{path / name} has no {error.args[0]} in a line") from None
    return folder(path, most_documents, most_questions)


def _add(
    report: dict[str, Any], data: DataSet, name: str, found: Measured, shipped: Measured
) -> None:
    size = {"set": data.name, "documents": len(data.documents), "chunking": name}
    report["rows"].append(size | found.as_json(shipped))
    print(f"{data.name}: {name}: nDCG@10 {found.ndcg:.3f}", file=sys.stderr, flush=True)


def _command() -> str:
    """How this was run, with folders by their last names: where they are is nobody's business."""
    said = [Path(each).name if "/" in each else each for each in sys.argv[1:]]
    return " ".join(["python -m evaluation.research.chunking", *said])


if __name__ == "__main__":
    try:
        app()
    except UserError as error:
        print(f"evaluation.research.chunking: {error}", file=sys.stderr)
        sys.exit(2)
