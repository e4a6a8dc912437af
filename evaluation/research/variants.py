"""`python -m evaluation.research.variants FOLDER...`: what it buys to search for more texts.

nDCG@10 of the fused order, before re-ordering, with and without each kind of variant; and the same
with one typing error in each question, since judged questions have few.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from evaluation.bench.running import own_settings
from evaluation.retrieval import beir
from evaluation.retrieval.inline import Inline
from evaluation.retrieval.measures import Quality, documents
from processors.questions.expansion import Expansion, expanded
from processors.questions.fusion import fuse
from processors.text.lexicon import CountedWords, Lexicon
from schemas.events import DocumentFed
from streams.app import config as app_config
from streams.app import opening

TENANT = "variants"
SEED = 7
LONG = 6  # letters of a word that is mistyped


def mistyped(question: str, rng: random.Random) -> str:
    """One letter left out, doubled or exchanged with the next, inside one long word."""
    words = question.split(" ")
    long = [at for at, word in enumerate(words) if word.isalpha() and len(word) >= LONG]
    if long:
        at = rng.choice(long)
        word, place = words[at], rng.randrange(1, len(words[at]) - 1)
        before, one, two, after = word[:place], word[place], word[place + 1], word[place + 2 :]
        words[at] = before + rng.choice((two, one + one + two, two + one)) + after
    return " ".join(words)


def measured(folder: Path, scratch: Path) -> None:
    """Print the figures of one BEIR folder."""
    one = beir.judged(folder)
    own = own_settings(scratch, index={"name": one.name})
    with Inline(own, TENANT) as inline:
        found = opening.documents(own, [str(folder)], TENANT)
        inline.index(each for each in found if isinstance(each, DocumentFed))
        config, document = app_config.retrieval(own), inline.documents_of()
        lexicon = Lexicon(CountedWords(inline.texts()))

        def quality(asked: Mapping[str, Sequence[str]]) -> float:
            run: dict[str, list[str]] = {}
            for query, result in inline.searched(asked, config.limit).items():
                hits = fuse(
                    result.dense,
                    result.lexical,
                    method=config.fusion,
                    bm25_weight=config.bm25_weight,
                )
                run[query] = documents(document[hit.chunk_id] for hit in hits)
            return Quality.of(run, one.relevant).ndcg_10

        rng = random.Random(SEED)
        typed = {query: mistyped(text, rng) for query, text in one.queries.items()}
        for name, queries in (("as asked", one.queries), ("with a typing error", typed)):
            alone = {query: [text] for query, text in queries.items()}
            print(f"{one.name}, {name}: {quality(alone):.4f} without variants")
            for kind in get_args(Expansion):
                more = {query: expanded(texts, lexicon, [kind]) for query, texts in alone.items()}
                count = sum(len(texts) > 1 for texts in more.values())
                print(
                    f"  {kind}: {quality(more):.4f}, {count:,} of {len(more):,} questions have one"
                )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m evaluation.research.variants FOLDER...")
    for argument in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="millrace-variants-") as name:
            measured(Path(argument), Path(name))
