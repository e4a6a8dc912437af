"""`retrieval`: how well questions find their documents, part by part, through the pipeline."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.bench import corpus, running
from evaluation.bench.ingest import feed
from evaluation.bench.report import Figure, Findings, Say
from evaluation.bench.reranked import through_the_pipeline
from evaluation.retrieval import beir
from evaluation.retrieval.inline import Inline
from evaluation.retrieval.lookups import lookups
from evaluation.retrieval.measures import Quality, Ranked, documents, trec
from processors.questions.fusion import fuse
from processors.questions.retrieve import RetrievalConfig, SearchResult
from streams.app import codecs
from streams.app import config as app_config
from streams.flow.errors import UserError

QUICK = 30
DEPTH = 100  # documents of a run
PARTS = ("BM25", "dense", "fused", "variants")  # beside "reranked"


@dataclass(frozen=True, slots=True)
class Options:
    data: Sequence[Path]
    runs: Path | None  # where TREC runs are written
    questions: int | None  # of each set, from the start; None: all
    split: str | None = None  # of BEIR's qrels/


def run(options: Options, say: Say) -> Findings:
    """Each set is fed and asked through a stack of its own.

    `reranked` is the order on rag.generate. What the parts alone would have given is asked of a
    copy of the index the pipeline made, with the same policy: `fused` of the question as it was
    asked, `variants` of all that the pipeline searched for.

    Raises:
        UserError: a data set is not readable, or a document of it was not taken.
    """
    sets = [beir.judged(each, options.split) for each in options.data]
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for one in sets:
        for line in one.said():
            say(line)
        if options.questions is not None:
            kept = dict(list(one.queries.items())[: options.questions])
            one = dataclasses.replace(
                one, queries=kept, relevant={query: one.relevant[query] for query in kept}
            )
        found = _measure(one, options.runs, say)
        details[one.name] = found
        figures += _figures(one.name, found)
    return Findings(figures, details)


def _measure(one: beir.Judged, runs: Path | None, say: Say) -> dict[str, Any]:
    named = lookups(one.folder)
    asked = {f"q {key}": text for key, text in one.queries.items()}
    asked |= {f"id {key}": text for key, text in named.queries.items()}
    with running.data_folder() as folder, ExitStack() as stack:
        settings = stack.enter_context(running.whole_stack(folder / "stack", say))
        chosen = corpus.Corpus(one.name, one.folder)
        _, report = feed(settings, chosen, one.name, 10_000_000, say)
        say(f"asking {len(asked):,} questions")
        through, lost = through_the_pipeline(
            settings, codecs.codec(settings, stack), one.name, asked
        )
        for query, why in lost.items():
            say(f"left out: {query.partition(' ')[2]}, which {why}")
        if not through:
            raise UserError(f"no question of {one.name} reached rag.generate")
        asked = {query: asked[query] for query in through}
        variants = {query: event.carried.variants for query, event in through.items()}
        copy = settings.model_copy(update={"data": folder / "copy"})
        # What is acknowledged is durable, and nothing is written.
        shutil.copytree(settings.data / "index", copy.data / "index")
        config = app_config.retrieval(settings)
        with Inline(copy, one.name) as inline:
            limit = max(DEPTH, config.limit)
            searched = inline.searched({query: [text] for query, text in asked.items()}, limit)
            several = {query: texts for query, texts in variants.items() if len(texts) > 1}
            varied = searched | inline.searched(several, limit)
            document = inline.documents_of()
    parts = {
        name: _part(name, varied if name == "variants" else searched, document, config)
        for name in PARTS
    }
    # The pipeline gives 50; behind them comes the order it had, so that a recall@100 can be told.
    parts["reranked"] = {
        query: documents([*(each.doc_id for each in event.candidates), *parts["variants"][query]])[
            :DEPTH
        ]
        for query, event in through.items()
    }
    if runs is not None:
        _write(runs, one.name, parts)
    own, ids = (
        {key: grades for key, grades in relevant.items() if f"{prefix} {key}" in through}
        for prefix, relevant in (("q", one.relevant), ("id", named.relevant))
    )
    return {
        "documents": report.searchable,
        "chunks": report.chunks,
        "skipped": one.skipped,
        "left_out": lost,
        "questions_with_variants": len(several),
        "parts": {p: _quality(run, "q ", own) for p, run in parts.items()},
        "identifiers": {p: _quality(run, "id ", ids) for p, run in parts.items()},
    }


def _quality(
    run: Mapping[str, Ranked], prefix: str, relevant: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    own = {key.removeprefix(prefix): run[key] for key in run if key.startswith(prefix)}
    found = dataclasses.asdict(Quality.of(own, relevant))
    return {name: round(value, 4) for name, value in found.items()}


def _figures(name: str, found: Mapping[str, Any]) -> list[Figure]:
    """Reranked against the best single part; identifiers against dense alone."""
    parts, ids = found["parts"], found["identifiers"]
    best = max(("BM25", "dense"), key=lambda part: parts[part]["ndcg_10"])
    figures = [
        Figure(
            f"{name}: nDCG@10, {part}",
            parts[part]["ndcg_10"],
            "",
            parts[best]["ndcg_10"],
            f"{best} alone",
        )
        for part in ("fused", "variants", "reranked")
    ]
    for measure, label in (
        ("recall_10", "recall@10"),
        ("recall_100", "recall@100"),
        ("mrr", "MRR"),
    ):
        figures.append(Figure(f"{name}: {label}", parts["reranked"][measure], ""))
    if left_out := len(found["left_out"]) + len(found["skipped"]):
        figures.append(Figure(f"{name}: questions and judgements left out", left_out, ""))
    if ids["reranked"]["questions"]:
        figures.append(
            Figure(
                f"{name}: {ids['reranked']['questions']:,} identifiers, document first",
                ids["reranked"]["first"],
                "",
                ids["dense"]["first"],
                "dense alone",
            )
        )
    return figures


def _part(
    name: str,
    searched: Mapping[str, SearchResult],
    document: Mapping[str, str],
    config: RetrievalConfig,
) -> dict[str, list[str]]:
    """The documents of each question, by one part alone."""
    run: dict[str, list[str]] = {}
    for query, result in searched.items():
        if name in ("fused", "variants"):
            hits = fuse(
                result.dense,
                result.lexical,
                method=config.fusion,
                bm25_weight=config.bm25_weight,
            )
            ids = [hit.chunk_id for hit in hits]
        else:
            (ranking,) = result.dense if name == "dense" else result.lexical
            ids = ranking.chunk_ids
        run[query] = documents(document[each] for each in ids)[:DEPTH]
    return run


def _write(folder: Path, name: str, parts: Mapping[str, Mapping[str, Ranked]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, run in parts.items():
        for prefix, kind in (("q ", ""), ("id ", ".identifiers")):
            own = {k.removeprefix(prefix): v for k, v in run.items() if k.startswith(prefix)}
            path = folder / f"{name}{kind}.{part.lower()}.trec"
            path.write_text(trec(own, f"millrace-{part.lower()}"), encoding="utf-8")
