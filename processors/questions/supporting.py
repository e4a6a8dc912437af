"""What of a model's text the passages it cites bear out, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from processors.questions.amounts import words_of
from processors.questions.claims import as_spelled, members_of, names_of, supported
from processors.questions.evidence import asked, keys_of
from processors.text.sentences import split_sentences
from schemas.events import Candidate, Citation

_MARKS = re.compile(r"(?<!\s)\s*\[\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]")
# A sentence's marks stand before its end, as the prompt asks, or after it.
_MARKED_END = re.compile(r"([.!?])((?:\s*\[[\d\s,]+\])+)")
# A heading, a table's header or a line that introduces a list: it says what is below it.
_ABOVE = re.compile(r"\A#|\n[ \t|:]*[-=][-=|: \t]*\Z|:\Z")
# "According to the policy," says nothing of what is in it.
_AS_SAID = re.compile(
    r"\A(?:as \w+ (?:in|by)|according to|based on|per|laut|gemäß)"
    r" (?:(?:the|this|these|our|your)\s)?"
    r"(?:polic(?:y|ies)|documents?|passages?|sources?|context|handbook|guide|dokumente?|text)\b,? ",
    re.IGNORECASE,
)
_DECIMAL = re.compile(r"\d[.:]\d")  # in a word: 3.2M, 4:1
# "5(1)", "12(4)(b)"
_PARAGRAPH = re.compile(r"\d[\w.]*(?:\(\w{1,4}\))+")


def sources_of(numbers: Sequence[int], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The passages of these numbers, from 1."""
    return [candidates[n - 1] for n in numbers if 0 < n <= len(candidates)]


def cited(text: str) -> Iterable[tuple[str, list[int]]]:
    """Each sentence without its marks, and the numbers in them."""
    text = _MARKED_END.sub(r"\2\1", text)
    for start, end in split_sentences(text):
        sentence = text[start:end]
        numbers = [int(n) for marks in _MARKS.findall(sentence) for n in marks.split(",")]
        bare = " ".join(_MARKS.sub("", sentence).split())
        if bare.strip(".!? "):
            yield bare, [*dict.fromkeys(numbers)]


def begun(text: str) -> tuple[str, str]:
    """What is whole of a text that is being written, and its last sentence, which may go on."""
    text = _MARKED_END.sub(r"\2\1", text)
    spans = [*split_sentences(text)]
    at = spans[-1][0] if spans else 0
    return text[:at], text[at:]


def support(sentence: str, sources: Sequence[Candidate]) -> float:
    """The share of the sentence's terms in what it cites; 0 where that does not bear it out.

    A word that the passages do not have counts against the share; a name, an identifier or what
    "and" adds ("a manager and a director") ends it.
    """
    around = "\n".join(f"{c.title}\n{c.heading}" for c in sources)
    quotable = [c.text[start:end] for c in sources for start, end in _spans(c)]
    headings = [text for text in quotable if _ABOVE.search(text)]
    around = "\n".join((around, *headings))
    texts = "\n".join((around, *(c.text for c in sources)))
    sentence = as_spelled(_AS_SAID.sub("", sentence), texts)
    keys = keys_of(around, *(c.text for c in sources))
    said, words = asked(sentence), words_of(sentence)
    strange = names_of(sentence) - keys
    added = any(words.isdisjoint(keys) for words in members_of(sentence))
    unknown = any(
        term.identifier or _DECIMAL.search(term.key)
        for term in said.terms
        if term.key in words - keys
    )
    unknown = unknown or not _paragraphs_in(sentence, texts)
    if not sources or not said.terms or strange or added or unknown:
        return 0.0
    if not supported(sentence, quotable, around):
        return 0.0
    return said.coverage(keys | {term.key for term in said.terms if term.key not in words})


def _paragraphs_in(sentence: str, texts: str) -> bool:
    """Whether the texts have each paragraph that is named, or one below it."""
    named = {found.lower() for found in _PARAGRAPH.findall(sentence)}
    if not named:
        return True
    there: set[str] = set()
    for found in _PARAGRAPH.findall(texts.replace(" (", "(").lower()):
        there.update(found[: at + 1] for at, each in enumerate(found) if each == ")")
    return named <= there


def _spans(source: Candidate) -> list[tuple[int, int]]:
    flat = source.sentences
    return [*zip(flat[::2], flat[1::2], strict=False)] or [(0, len(source.text))]


def quoted(sentence: str, source: Candidate, share: float) -> Citation:
    """The sentence of the passage that says most of it."""
    said = asked(sentence)
    spans = _spans(source)
    covered: Mapping[tuple[int, int], float] = {
        (start, end): said.coverage(keys_of(source.text[start:end])) for start, end in spans
    }
    start, end = max(spans, key=lambda span: covered[span])
    return Citation(
        chunk_id=source.chunk_id,
        doc_id=source.doc_id,
        doc_version=source.doc_version,
        start=start,
        end=end,
        quote=source.text[start:end],
        score=round(share, 4),
    )
