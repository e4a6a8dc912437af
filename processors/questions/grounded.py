"""`generate` with a language model: every sentence it writes is held against the passages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from processors.ports import Generator
from processors.questions.amounts import words_of
from processors.questions.answers import Ended, close
from processors.questions.carried import degraded, used
from processors.questions.claims import as_spelled, members_of, names_of, supported
from processors.questions.evidence import asked, keys_of
from processors.questions.generate import AnswerConfig, generate
from processors.questions.usage import Prices
from processors.text.sentences import split_sentences
from schemas.events import Candidate, Citation, GenerationRequested
from streams.flow.errors import Retry

DEGRADED = "generate: the model does not answer, passages are quoted"
UNSUPPORTED = "generate: the passages support nothing that the model said, they are quoted"
NO_ANSWER = "NO_ANSWER"
SUPPORTED = 0.7  # share of a sentence's terms that the passages it cites must have
QUOTING = "extractive"  # the model of an answer that no language model wrote
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


@dataclass(frozen=True, slots=True)
class GroundedConfig:
    """How a model is asked: `fill` makes the two messages of a question and its passages."""

    fill: Callable[[str, str], tuple[str, str]]
    tokens: int = 500
    supported: float = SUPPORTED
    prices: Prices = field(default_factory=Prices)


def grounded(
    event: GenerationRequested,
    *,
    generator: Generator,
    config: GroundedConfig,
    quoting: AnswerConfig,
    now: Callable[[], int],
) -> Iterable[Ended]:
    """What the model writes, without the sentences that the passages they cite do not support.

    A sentence is supported where most of its terms, and every name (in English), number and
    identifier in it, stand in the passages it cites, and their sentence nearest to it does not
    deny, demand, allow or limit otherwise (`processors.questions.claims` says what it cannot
    see). If the model says that there is no answer, the answer is `abstained`. If none is left, or
    the model does not answer, passages are quoted, or not, as without a model, and `degraded` says
    so. What the model was paid for is in `usage` whatever came of it.
    """
    candidates = event.candidates[: quoting.candidates]
    system, user = config.fill(event.carried.question.query, _numbered(candidates))
    try:
        made = generator.complete(system, user, most_tokens=config.tokens)
    except Retry:
        quoted = replace(event, model=QUOTING, carried=degraded(event.carried, DEGRADED))
        yield from generate(quoted, config=quoting, now=now)
        return
    carried = used(event.carried, config.prices.usage("generate", generator.model, made))
    kept: list[str] = []
    citations: dict[tuple[str, int], Citation] = {}
    dropped = 0
    for sentence, numbers in _cited(made.text):
        sources = [candidates[n - 1] for n in numbers if 0 < n <= len(candidates)]
        share = support(sentence, sources)
        if share < config.supported:
            dropped += 1
            continue
        kept.append(sentence)
        for source in sources:
            quote = _quoted(sentence, source, share)
            citations.setdefault((quote.chunk_id, quote.start), quote)
    reasons: list[str] = []
    if NO_ANSWER in made.text:
        kept, citations = [], {}
        reasons = ["the model finds no answer in the passages"]
    elif not kept:
        quoted = replace(event, model=QUOTING, carried=degraded(carried, UNSUPPORTED))
        yield from generate(quoted, config=quoting, now=now)
        return
    if kept and dropped:
        lost = f"generate: {dropped} sentence{'s' * (dropped > 1)} without support left out"
        carried = degraded(carried, lost)
    yield from close(
        carried,
        "answered" if kept else "abstained",
        now(),
        answer=" ".join(kept),
        passages=candidates,
        citations=[*citations.values()],
        reasons=reasons,
        tier=event.tier,
        model=event.model,
    )


def _numbered(candidates: Sequence[Candidate]) -> str:
    """The passages as the model reads them, from 1."""
    heads = [" - ".join(filter(None, (c.title, c.heading))) for c in candidates]
    return "\n\n".join(
        f"[{number}] {head}\n{candidate.text}"
        for number, (head, candidate) in enumerate(zip(heads, candidates, strict=True), 1)
    )


def _cited(text: str) -> Iterable[tuple[str, list[int]]]:
    """Each sentence without its marks, and the numbers in them."""
    text = _MARKED_END.sub(r"\2\1", text)
    for start, end in split_sentences(text):
        sentence = text[start:end]
        numbers = [int(n) for marks in _MARKS.findall(sentence) for n in marks.split(",")]
        bare = " ".join(_MARKS.sub("", sentence).split())
        if bare.strip(".!? "):
            yield bare, [*dict.fromkeys(numbers)]


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


def _quoted(sentence: str, source: Candidate, share: float) -> Citation:
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
