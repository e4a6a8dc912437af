"""What servers behind the index cost and give: `python -m evaluation.research.stores`.

`embed SET` makes the vectors of a set in BEIR's form once; `speed SET` and `quality SET` use them.
OpenSearch is started for the run, or is the one at `--opensearch`, and may be written. Vectors are
searched in Qdrant by its client's local mode (exact, and as slow as Python is), or in a server that
MILLRACE_QDRANT_URL names. Each command puts what it found into the report and the table.
"""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.qdrant import points
from connectors.qdrant_edge import searching
from evaluation.bench.corpus import SHARED, Corpus
from evaluation.bench.report import Setting
from evaluation.research.pages import DOCS, placed, table
from evaluation.research.stores.own import bulk, by_turns, own_edge, own_vectors, own_words
from evaluation.research.stores.running import (
    PARTS,
    TENANT,
    chunks_of,
    embedded_of,
    running,
)
from evaluation.retrieval import beir
from evaluation.stages import open_stages
from streams.app.settings import Settings

COMMAND = "python -m evaluation.research.stores"
app = typer.Typer(add_completion=False, no_args_is_help=True)

Set = Annotated[str, typer.Argument(help="A folder of `--data`, such as scifact.")]
Data = Annotated[Path, typer.Option(help="The folder of public sets.")]
Made = Annotated[Path, typer.Option(help="Where vectors are kept.")]
Output = Annotated[Path, typer.Option(help="The report.")]
Url = Annotated[str, typer.Option(help="An OpenSearch that may be written; one is started.")]
MADE, REPORT = Path("build/stores"), Path("evaluation/results/stores.json")


@app.command()
def embed(name: Set, data: Data = SHARED, made: Made = MADE) -> None:
    """Chunks and vectors of all documents of the set, into a file."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        settings = Settings(data=Path(folder))
        stages = open_stages(settings, stack, ["ingest", "chunk", "embed"])
        fed = Corpus(name, data / name).documents(settings, TENANT, 10**7)
        embedded = [*embedded_of(stages, fed)]
    made.mkdir(parents=True, exist_ok=True)
    (made / f"{name}.pickle").write_bytes(pickle.dumps(embedded))
    print(f"{len(embedded):,} documents of {name}, {chunks_of(embedded):,} chunks")


@app.command()
def speed(
    name: Set,
    data: Data = SHARED,
    made: Made = MADE,
    opensearch: Url = "",
    documents: Annotated[int, typer.Option(min=64, help="At most.")] = 100_000,
    local: Annotated[int, typer.Option(min=64, help="Questions to Qdrant's local mode.")] = 256,
    output: Output = REPORT,
) -> None:
    """Ours beside nothing but the store's own call of the same, by turns, in one run."""
    judged = beir.judged(data / name)
    with running(judged, made, opensearch, documents) as world:
        index, questions = world.servers, world.asked(judged.queries.values())
        found = {
            "index into OpenSearch": bulk(world.client, world.embedded),
            "OpenSearch, words": by_turns(
                questions * 2, index.words.matching, lambda some: own_words(world.client, some)
            ),
            "Qdrant, vectors": by_turns(
                questions[:local],
                index.vectors.nearest,
                lambda some: own_vectors(index.vectors, points.dense_requests(some)),
            ),
            "embedded, vectors": by_turns(
                questions,
                world.edge.nearest,
                lambda some: own_edge(world.edge, searching.nearest(some)),
            ),
            "embedded, words": by_turns(
                questions,
                world.edge.matching,
                lambda some: own_edge(
                    world.edge,
                    searching.matching(some, world.edge._encoder),  # pyright: ignore[reportPrivateUsage]
                ),
            ),
        }
    chunks = chunks_of(world.embedded)
    _report(output, name, "of_its_own", {"chunks": chunks, "calls": found})


@app.command()
def quality(
    name: Set,
    data: Data = SHARED,
    made: Made = MADE,
    opensearch: Url = "",
    every: Annotated[int, typer.Option(min=1, help="Every so many-th judged question.")] = 1,
    output: Output = REPORT,
) -> None:
    """nDCG@10 of each part through the embedded shard and through the servers."""
    judged = beir.judged(data / name)
    some = dict(islice(judged.queries.items(), 0, None, every))
    judged = replace(judged, queries=some, relevant={key: judged.relevant[key] for key in some})
    with running(judged, made, opensearch, 10**7) as world:
        both = {"embedded": world.edge, "servers": world.servers.together}
        found = {kind: world.quality(index, judged) for kind, index in both.items()}
    _report(output, name, "ndcg_10", {"questions": len(some), "of_all": every == 1, **found})


def _report(output: Path, name: str, what: str, found: Mapping[str, Any]) -> None:
    print(json.dumps({name: {what: found}}, indent=1))
    report: dict[str, Any] = json.loads(output.read_text("utf-8")) if output.is_file() else {}
    here = Setting.here()
    about = {"machine": here.machine, "commit": here.commit, "versions": here.versions}
    report["command"] = COMMAND
    sets: dict[str, Any] = report.setdefault("sets", {})
    sets[name] = {**sets.get(name, {}), what: {**found, **about}}
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    page = DOCS / "stores.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")


def rendered(report: Mapping[str, Any]) -> str:
    """Both tables of a report."""
    sets: Mapping[str, Any] = report["sets"]
    judged = [(name, each["ndcg_10"]) for name, each in sets.items() if "ndcg_10" in each]
    rows = [
        [
            f"{name}, {found['questions']:,} questions",
            *(f"{found['embedded'][part]:.4f}, {found['servers'][part]:.4f}" for part in PARTS),
        ]
        for name, found in judged
    ]
    timed = [(name, each["of_its_own"]) for name, each in sets.items() if "of_its_own" in each]
    speeds: list[list[object]] = [
        [f"{name}, {what}", f"{each['per_s']:,.0f}", f"{each['own_per_s']:,.0f}", each["ratio"]]
        for name, found in timed
        for what, each in found["calls"].items()
    ]
    return "\n\n".join(
        (
            table(["nDCG@10: embedded, servers", *PARTS], rows),
            table(["a second", "ours", "the store's own", "ratio"], speeds),
        )
    )


if __name__ == "__main__":
    app()
