"""Packs the sentences of a document into pieces of a token budget, along its structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.documents.wide_tables import narrowed
from processors.ports import TokenCounter
from processors.text.sentences import block_sentences
from processors.text.structure import Block

Path = tuple[str, ...]

# A text of long unbroken strings counts few tokens (a model may read each as one unknown word), so
# that length counts too: more characters than this make one token.
CHARS_PER_TOKEN = 16
_HEADING_CHARS = 120
# Raise it when packing changes: it is in the hash of every strategy, so that `reindex` knows.
REVISION = 4
_PROSE = ("paragraph", "item", "provision", "turn")
# Bits to cut an over-long sentence at: words with the space after them; a long word in slices.
_BIT = re.compile(r"\S{1,24}\s*+")
_CLAUSE = re.compile(r"[;:,.)\]]\s+\Z")


class Span(NamedTuple):
    """A sentence, or a piece of one that is over the budget by itself."""

    start: int
    end: int
    tokens: int
    opens: bool = False
    """First of its block."""
    sticks: bool = False
    """Belongs with what follows: a heading, a table's header, a line that ends in a colon, a
    question in a dialogue."""
    header: Span | None = None
    """Of a table row: the header that is repeated where the table is continued."""


@dataclass(slots=True)
class Piece:
    """A slice of the document; `header` is repeated in front of a continued table."""

    path: Path
    spans: list[Span]
    tokens: int
    header: Span | None = None

    @property
    def start(self) -> int:
        return self.spans[0].start

    @property
    def end(self) -> int:
        return self.spans[-1].end

    @property
    def bare(self) -> bool:
        """Nothing but headings."""
        return all(span.sticks and span.opens for span in self.spans)


@dataclass(slots=True)
class _Section:
    """A heading (or provision, or definition) with what stands under it up to the next."""

    path: Path
    blocks: list[Block] = field(default_factory=list[Block])


def pack(
    text: str,
    found: Sequence[Block],
    *,
    counter: TokenCounter,
    budgets_of: Callable[[Sequence[Path]], list[int]],
    min_tokens: int,
    narrow: bool = True,
) -> tuple[str, list[Piece]]:
    """The pieces of `text` in order, along its blocks; together they hold all that the blocks do.

    `budgets_of` gives the tokens a piece may have under each heading path. A document that fits
    one budget is one piece. Two calls of `counter` at most, and one of `budgets_of`.

    The pieces are slices of the text that is returned: that given, unless a table in it has a
    header of over half a piece. Such tables are divided by columns (`narrow`), so that no row
    stands without the names of what it says; unless its first row is long text, not names.
    """
    sections = list(_sections(found))
    if not sections:
        return text, []
    paths = sorted({s.path[:depth] for s in sections for depth in range(len(s.path) + 1)})
    budgets = dict(zip(paths, budgets_of(paths), strict=True))
    spans, wide = _measure(text, sections, counter, budgets)
    whole = [span for section in spans for span in section]
    total = sum(span.tokens for span in whole)
    shared = _shared([section.path for section in sections])
    if _fits(whole, total, budgets[shared]):
        return text, [Piece(shared, whole, total)]
    if wide and narrow:
        text, found = narrowed(text, found, wide, counter)
        return pack(
            text,
            found,
            counter=counter,
            budgets_of=budgets_of,
            min_tokens=min_tokens,
            narrow=False,
        )
    pieces = [
        piece
        for section, found in zip(sections, spans, strict=True)
        for piece in _split(section.path, found, budgets[section.path])
    ]
    return text, _merge(pieces, budgets, min_tokens)


def _sections(found: Sequence[Block]) -> Iterator[_Section]:
    open_headings: list[tuple[int, str]] = []
    section = _Section(())
    for block in found:
        if block.level:
            if section.blocks:
                yield section
            while open_headings and open_headings[-1][0] >= block.level:
                open_headings.pop()
            open_headings.append((block.level, block.title[:_HEADING_CHARS].strip()))
            section = _Section(tuple(title for _, title in open_headings if title))
        section.blocks.append(block)
    if section.blocks:
        yield section


def _measure(
    text: str,
    sections: Sequence[_Section],
    counter: TokenCounter,
    budgets: Mapping[Path, int],
) -> tuple[list[list[Span]], dict[int, int]]:
    """The spans of each section, none over its section's budget; and tables with a wide header.

    Those by where they begin, with the budget they have.
    """
    found = [[block_sentences(text, block) for block in s.blocks] for s in sections]
    flat = [span for section in found for sentences in section for span in sentences]
    # What is too long by its characters is cut in any case and measured then.
    limit = max(budgets.values()) * CHARS_PER_TOKEN
    texts = [text[start:end] if end - start <= limit else "" for start, end in flat]
    counts = iter(counter.count(texts))
    measured: list[list[Span]] = []
    wide: dict[int, int] = {}
    long: list[tuple[list[Span], int, int]] = []  # where to cut: section, index, budget
    for section, of_blocks in zip(sections, found, strict=True):
        spans: list[Span] = []
        budget = budgets[section.path]
        for block, sentences in zip(section.blocks, of_blocks, strict=True):
            header: Span | None = None
            asks = block.kind == "turn" and text[block.end - 1] == "?"
            for i, (start, end) in enumerate(sentences):
                tokens = max(next(counts), -(-(end - start) // CHARS_PER_TOKEN))
                is_header = i == 0 and block.head > 0
                last = i == len(sentences) - 1
                sticks = block.kind == "heading" or (is_header and not last)
                sticks = sticks or (last and block.kind in _PROSE and text[end - 1] == ":")
                sticks = sticks or asks
                room = budget - header.tokens if header else budget
                span = Span(start, end, tokens, i == 0, sticks and tokens <= budget // 2, header)
                if tokens > room:
                    long.append((spans, len(spans), room))
                spans.append(span)
                if is_header and not last and tokens > budget // 2:
                    wide[block.start] = budget
                elif is_header and 0 < tokens <= budget // 2:
                    header = span._replace(sticks=False)
        measured.append(spans)
    if long:
        _cut_all(text, long, counter)
    return measured, wide


def _cut_all(text: str, long: list[tuple[list[Span], int, int]], counter: TokenCounter) -> None:
    """Replace each span that is over its budget by pieces of it."""
    bits = [
        [m.span() for m in _BIT.finditer(text, spans[i].start, spans[i].end)]
        for spans, i, _ in long
    ]
    counts = iter(counter.count([text[start:end] for of_span in bits for start, end in of_span]))
    cut = [
        _cut(text, spans[i], [(s, e, next(counts)) for s, e in of_span], budget)
        for (spans, i, budget), of_span in zip(long, bits, strict=True)
    ]
    for (spans, i, _), pieces in reversed(list(zip(long, cut, strict=True))):
        spans[i : i + 1] = pieces  # from the end, so that earlier indexes stay right


def _cut(text: str, span: Span, bits: list[tuple[int, int, int]], budget: int) -> list[Span]:
    """Pieces of one sentence; cut after a clause, else after a word, in the second half."""
    pieces: list[Span] = []
    first = 0
    while first < len(bits):
        tokens = 0
        last = first  # exclusive
        while last < len(bits):
            wider = tokens + max(bits[last][2], 1)
            length = bits[last][1] - bits[first][0]
            if last > first and (wider > budget or length > budget * CHARS_PER_TOKEN):
                break
            tokens, last = wider, last + 1
        if last < len(bits):
            half = range(last, (first + last) // 2, -1)
            last = (
                next((i for i in half if _CLAUSE.search(text, *bits[i - 1][:2])), 0)
                or next((i for i in half if text[bits[i - 1][1] - 1].isspace()), 0)
                or last
            )
        start, end = bits[first][0], bits[last - 1][1]
        end = start + len(text[start:end].rstrip())
        tokens = max(sum(b[2] for b in bits[first:last]), -(-(end - start) // CHARS_PER_TOKEN))
        pieces.append(Span(start, end, tokens, span.opens and first == 0, False, span.header))
        first = last
    return pieces


def _fits(spans: Sequence[Span], tokens: int, budget: int) -> bool:
    # White space between sentences has no tokens, but must not make a piece endless either.
    return tokens <= budget and spans[-1].end - spans[0].start <= budget * CHARS_PER_TOKEN


def _split(path: Path, spans: list[Span], budget: int) -> Iterator[Piece]:
    """One section's pieces, of about equal size rather than full ones and a small rest."""
    total = sum(span.tokens for span in spans)
    if _fits(spans, total, budget):
        yield Piece(path, spans, total)
        return
    goal = total / -(-total // budget)
    piece = Piece(path, [], 0)
    for span in spans:
        while piece.spans:
            over = not _fits([piece.spans[0], span], piece.tokens + span.tokens, budget)
            if not over and not (span.opens and piece.tokens >= goal):
                break
            at = len(piece.spans) if span.opens else _place_to_cut(piece, goal)
            while at > 0 and piece.spans[at - 1].sticks:
                at -= 1
            if at == 0 and not over:
                break
            at = at or len(piece.spans)
            rest = piece.spans[at:]
            yield _piece(path, piece.spans[:at], piece.header)
            piece = _piece(path, rest, (rest or [span])[0].header)
        piece.spans.append(span)
        piece.tokens += span.tokens
    yield piece


def _piece(path: Path, spans: list[Span], header: Span | None) -> Piece:
    tokens = sum(span.tokens for span in spans) + (header.tokens if header else 0)
    return Piece(path, spans, tokens, header)


def _place_to_cut(piece: Piece, goal: float) -> int:
    """The last block boundary that leaves at least half a piece, else the end."""
    tokens = piece.tokens
    for i in range(len(piece.spans) - 1, 0, -1):
        tokens -= piece.spans[i].tokens
        if tokens < goal / 2:
            break
        if piece.spans[i].opens:
            return i
    return len(piece.spans)


def _merge(pieces: list[Piece], budgets: Mapping[Path, int], least: int) -> list[Piece]:
    """Join pieces of fewer than `least` tokens to a neighbour of the same parent.

    Forward first, since a small section usually introduces what follows; what is small at the end
    of its family goes to the piece before it.
    """
    merged: list[Piece] = []
    for piece in pieces:
        before = merged[-1] if merged else None
        joined = _join(before, piece, budgets) if before and before.tokens < least else None
        if before and not joined and len(merged) > 1:
            back = _join(merged[-2], before, budgets) if before.tokens < least else None
            if back:
                merged[-2:] = [back]
        if joined:
            merged[-1] = joined
        else:
            merged.append(piece)
    if len(merged) > 1 and merged[-1].tokens < least:
        back = _join(merged[-2], merged[-1], budgets)
        if back:
            merged[-2:] = [back]
    return merged


def _join(a: Piece, b: Piece, budgets: Mapping[Path, int]) -> Piece | None:
    """Both as one piece, where they are related and fit."""
    shared = _shared([a.path, b.path])
    introduces = a.path == shared  # b is in the same section or below it
    if b.header or not (introduces or (a.path[:-1] == shared == b.path[:-1])):
        return None
    path = b.path if a.bare and introduces else shared
    spans = [*a.spans, *b.spans]
    tokens = a.tokens + b.tokens
    return Piece(path, spans, tokens, a.header) if _fits(spans, tokens, budgets[path]) else None


def _shared(paths: Sequence[Path]) -> Path:
    """The longest common beginning."""
    low, high = min(paths), max(paths)
    for i, name in enumerate(low):
        if i >= len(high) or high[i] != name:
            return low[:i]
    return low
