"""Texts as the index holds them, with and without an instruction that somebody put into them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.ports import Embedder, Passage, StoredChunk
from processors.text.sentences import split_sentences

LONGEST = 1000  # characters: about what a chunk of prose has
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Text:
    """A chunk's text; `planted` is what was put into it, from `start` on."""

    text: str
    start: int = -1
    planted: str = ""


def cut(text: str) -> str:
    """As much of a text as a chunk has, to the end of a sentence where there is one."""
    if len(text) <= LONGEST:
        return text.strip()
    kept = [end for _, end in split_sentences(text[: LONGEST * 2]) if end <= LONGEST]
    return text[: kept[-1] if kept else LONGEST].strip()


def plant(text: str, attack: str, rng: random.Random) -> Text:
    """The text with the attack between two of its sentences, before the first or after the last."""
    text = cut(text)
    ends = [0, *(end for _, end in split_sentences(text))]
    at = rng.choice((ends[0], ends[len(ends) // 2], ends[-1]))
    before, after = text[:at].rstrip(), text[at:].lstrip()
    joined = f"{before}\n{attack}" if before else attack
    return Text(f"{joined}\n{after}" if after else joined, len(joined) - len(attack), attack)


def chunks(texts: Sequence[Text], embedder: Embedder) -> list[StoredChunk]:
    """Each as one chunk, embedded as the pipeline does it."""
    found: list[StoredChunk] = []
    for at in range(0, len(texts), _AT_ONCE):
        some = texts[at : at + _AT_ONCE]
        spans = [[n for span in split_sentences(each.text) for n in span] for each in some]
        passages = [Passage("", t.text, s) for t, s in zip(some, spans, strict=True)]
        for text, flat, made in zip(some, spans, embedder.embed_passages(passages), strict=True):
            found.append(_chunk(text.text, flat, made.vector, made.sentences))
    return found


def _chunk(
    text: str,
    sentences: list[int],
    vector: np.ndarray[tuple[int], np.dtype[np.float16]],
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float16]],
) -> StoredChunk:
    return StoredChunk(
        tenant="guarding",
        chunk_id="c",
        doc_id="d",
        doc_version=1,
        ordinal=0,
        title="",
        heading="",
        uri="",
        text=text,
        chunking="",
        changed_at=0,
        sentences=sentences,
        vector=vector,
        sentence_vectors=vectors,
    )
