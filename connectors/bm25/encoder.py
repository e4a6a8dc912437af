"""Text to BM25 sparse vectors: term weights of a chunk, terms of a question."""

from __future__ import annotations

from collections.abc import Iterable

from qdrant_edge import Bm25, Bm25Config, SparseVector, TokenizerType

from processors.text.identifiers import identifiers, keys_of, looked_up, names

# Robertson's BM25 with the k1 and b of Anserini's BEIR baselines. The average length is a constant,
# since a weight is stored with its chunk and cannot follow the corpus. Short rulebook passages have
# 27 terms and abstracts 90: a length of 100 costs the former .04 nDCG@10, 40 costs neither.
K1 = 0.9
B = 0.4
_AVERAGE_TERMS = 40.0
# In front of an identifier that a chunk goes by, so that 100 chunks that mention AC-2 do not hide
# the one called so.
_NAMED = "zz"


class Bm25Encoder:
    """English stemming and stop words, with identifiers kept whole beside their parts.

    The IDF half of the score is the store's, since it changes with every write.
    """

    def __init__(self) -> None:
        self._model = Bm25(
            Bm25Config(
                k=K1,
                b=B,
                avg_len=_AVERAGE_TERMS,
                language="english",
                tokenizer=TokenizerType.Word,
            )
        )

    def document(self, title: str, heading: str, text: str, doc_id: str = "") -> SparseVector:
        """Saturated, length-normalised term frequencies of a chunk with its context.

        Identifiers are weighed apart, so that they do not make a passage longer than it is.
        """
        read = f"{title}\n{heading}\n{text}"
        whole = marks_of(title, heading, text, doc_id)
        words = self._model.embed_document(read)
        if not whole:
            return words
        marks = self._model.embed_document(whole)
        terms = dict(zip(words.indices, words.values, strict=True))
        terms |= zip(marks.indices, marks.values, strict=True)
        return SparseVector([*terms], [*terms.values()])

    def query(self, text: str) -> SparseVector:
        """Weight 1 for each term; no indices at all where the text holds only stop words."""
        whole = marks_asked(text)
        return self._model.embed_query(f"{text}\n{whole}")


def marks_of(title: str, heading: str, text: str, doc_id: str) -> str:
    """The identifiers that a chunk mentions and goes by, as words of one key each."""
    said = identifiers(f"{title}\n{heading}\n{text}")
    return _marked(said, names(title, heading, doc_id))


def marks_asked(text: str) -> str:
    """The identifiers that a question looks up, likewise."""
    return _marked(identifiers(text), keys_of(looked_up(text)))


def _marked(whole: Iterable[str], named: Iterable[str]) -> str:
    """Identifiers as words: each as often as it occurs, and once more for what goes by it."""
    return " ".join((*whole, *(f"{_NAMED}{key}" for key in dict.fromkeys(named))))
