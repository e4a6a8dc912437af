"""Text to BM25 sparse vectors: term weights of a chunk, terms of a question."""

from __future__ import annotations

import re

from qdrant_edge import Bm25, Bm25Config, SparseVector, TokenizerType

# Robertson's BM25 with the k1 and b of Anserini's BEIR baselines. The average length is a constant,
# since a weight is stored with its chunk and cannot follow the corpus. Short rulebook passages have
# 27 terms and abstracts 90: a length of 100 costs the former .04 nDCG@10, 40 costs neither.
_K1 = 0.9
_B = 0.4
_AVERAGE_TERMS = 40.0

# What the word tokenizer would take apart: POL-CARD-014, 8.2.1, AC-2(3), 21/2023, MOD_7.
_COMPOUND = re.compile(r"[^\W_]+(?:[-./:_(§]+[^\W_]+)+")
_SEPARATORS = re.compile(r"[-./:_(§]+")


class Bm25Encoder:
    """English stemming and stop words, with identifiers kept whole beside their parts.

    The IDF half of the score is the store's, since it changes with every write.
    """

    def __init__(self) -> None:
        self._model = Bm25(
            Bm25Config(
                k=_K1,
                b=_B,
                avg_len=_AVERAGE_TERMS,
                language="english",
                tokenizer=TokenizerType.Word,
            )
        )

    def document(self, title: str, heading: str, text: str) -> SparseVector:
        """Saturated, length-normalised term frequencies of a chunk with its context."""
        return self._model.embed_document(_with_identifiers(f"{title}\n{heading}\n{text}"))

    def query(self, text: str) -> SparseVector:
        """Weight 1 for each term; no indices at all where the text holds only stop words."""
        return self._model.embed_query(_with_identifiers(text))


def _with_identifiers(text: str) -> str:
    """`text`, then each identifier in it as one word.

    A compound without a digit (`know-your-customer`) is prose and is found by its words. Parts are
    joined by a letter, so that 8.21 and 82.1 stay two things.
    """
    whole = [
        _SEPARATORS.sub("z", found)
        for found in _COMPOUND.findall(text)
        if any(character.isdigit() for character in found)
    ]
    return f"{text}\n{' '.join(whole)}" if whole else text
