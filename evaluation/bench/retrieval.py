"""`retrieval`: how well questions find their documents, part by part, through the pipeline."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from evaluation.bench import corpus, running
from evaluation.bench.ingest import feed
from evaluation.bench.report import Figure, Findings, Say
from evaluation.retrieval import beir
from evaluation.retrieval.inline import Inline
from evaluation.retrieval.lookups import lookups
from evaluation.retrieval.measures import Quality, Ranked, documents, trec
from processors.fusion import fuse
from processors.ports import SearchResult
from processors.retrieve import RetrievalConfig
from schemas import topics
from schemas.events import ChunksReranked, QuestionAsked
from streams import kafka, wiring
from streams.client import from_the_end
from streams.codec import Codec
from streams.errors import UserError
from streams.settings import Settings

WAITING = 64  # questions under way
PATIENCE_S = 60.0
TOP_K = 50  # the most a question may ask for
QUICK = 30
DEPTH = 100  # documents of a run
PARTS = ("BM25", "dense", "fused", "variants")  # beside "reranked"


@dataclass(frozen=True, slots=True)
class Options:
    data: Sequence[Path]
    runs: Path | None  # where TREC runs are written
    questions: int | None  # of each set, from the start; None: all


def run(options: Options, say: Say) -> Findings:
    """Each set is fed and asked through a stack of its own.

    `reranked` is the order on rag.reranked. What the parts alone would have given is asked of a
    copy of the index the pipeline made, with the same policy: `fused` of the question as it was
    asked, `variants` of all that the pipeline searched for.

    Raises:
        UserError: a data set is not readable, or a document of it was not taken.
    """
    sets = [beir.judged(each) for each in options.data]
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for one in sets:
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
        through = _through(settings, wiring.codec(settings, stack), one.name, asked)
        variants = {query: event.variants for query, event in through.items()}
        copy = settings.model_copy(update={"data": folder / "copy"})
        for name in ("index", "model"):  # what is acknowledged is durable, and nothing is written
            shutil.copytree(settings.data / name, copy.data / name)
        config = wiring.retrieval(settings)
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
    return {
        "documents": report.searchable,
        "chunks": report.chunks,
        "questions_with_variants": len(several),
        "parts": {p: _quality(run, "q ", one.relevant) for p, run in parts.items()},
        "identifiers": {p: _quality(run, "id ", named.relevant) for p, run in parts.items()},
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


def _through(
    settings: Settings, codec: Codec, tenant: str, queries: Mapping[str, str]
) -> dict[str, ChunksReranked]:
    """What rag.reranked says of each question."""
    producer: Any = kafka.new_producer(kafka.producer_options(settings))
    options = kafka.plain_consumer_options(settings, "bench.retrieval")
    consumer = kafka.new_consumer(options | {"enable.partition.eof": False})
    topic = topics.RAG_RERANKED
    found: dict[str, ChunksReranked] = {}
    left = iter(queries.items())
    waiting: set[str] = set()

    def ask() -> None:
        for query, text in left:
            request = QuestionAsked(request_id=query, tenant=tenant, query=text, top_k=TOP_K)
            value = codec.encode(topics.RAG_REQUESTS.name, request)
            producer.produce(
                topics.RAG_REQUESTS.name, value, topics.RAG_REQUESTS.key(request).encode()
            )
            producer.poll(0)
            waiting.add(query)
            if len(waiting) >= WAITING:
                return

    try:
        from_the_end(consumer, [topic.name])
        ask()
        heard = time.monotonic()
        while waiting:
            for value in _values(consumer):
                event = codec.decode(topic, value)
                query = event.question.request_id
                if query in waiting:
                    heard = time.monotonic()
                    waiting.discard(query)
                    found[query] = event
            if time.monotonic() - heard > PATIENCE_S:
                raise UserError(
                    f"{len(waiting)} questions found nothing for {PATIENCE_S:.0f} s, among them "
                    f"{min(waiting)}: their answers on rag.answers say why"
                )
            if len(waiting) < WAITING:
                ask()
    finally:
        consumer.close()
    return {query: found[query] for query in queries}


def _values(consumer: Consumer) -> list[bytes]:
    first = consumer.poll(0.2)
    if first is None:
        return []
    messages = [first, *consumer.consume(WAITING, 0)]
    return [value for m in messages if m.error() is None and (value := m.value()) is not None]


def _write(folder: Path, name: str, parts: Mapping[str, Mapping[str, Ranked]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, run in parts.items():
        for prefix, kind in (("q ", ""), ("id ", ".identifiers")):
            own = {k.removeprefix(prefix): v for k, v in run.items() if k.startswith(prefix)}
            path = folder / f"{name}{kind}.{part.lower()}.trec"
            path.write_text(trec(own, f"millrace-{part.lower()}"), encoding="utf-8")
