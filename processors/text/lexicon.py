"""What a corpus itself says of its words: acronyms it spells out, and which words it has at all."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

# "Anti-Money Laundering (AML)": what stands in the bracket, and the words before it.
_SHORT = re.compile(r"\(([A-Z][A-Za-z0-9&-]{1,8})\)")
_LONG = re.compile(r"(?:[^\W_][\w'&/-]*[ \n]){1,10}\Z")
_LONG_CHARACTERS = 200
_WORD = re.compile(r"[^\W_]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PLAIN = re.compile(r"[a-z]+\Z")
_FEWEST_LETTERS = 5  # of a word that may be misspelt; short ones are names and codes
_AT_LEAST = 2  # chunks that have the word that is meant
_SMALL = frozenset(("a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "the", "to"))


def acronyms(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of a short form and the words it stands for, as `text` introduces them.

    The letters of the short form are the first letters of the words, in order; small words may be
    passed over (Schwartz and Hearst, 2003, allow letters within words too, at more false pairs).
    """
    for found in _SHORT.finditer(text):
        short = found[1].removesuffix("s")
        letters = [each for each in short.casefold() if each.isalnum()]
        if sum(map(str.isupper, short)) < 2:
            continue
        before = _LONG.search(text[max(0, found.start() - _LONG_CHARACTERS) : found.start()])
        words = _WORD.findall(before[0]) if before else []
        start = _start(words, letters)
        if start is not None:
            yield short, " ".join(words[start:])


def _start(words: list[str], letters: list[str]) -> int | None:
    """Where the words begin whose first letters these are, None where they are not."""
    left, at = [*letters], len(words)
    while left and at:
        at -= 1
        if words[at][0].casefold() == left[-1]:
            left.pop()
        elif words[at].casefold() not in _SMALL:
            return None
    return at if not left and len(words) - at > 1 else None


def said(text: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The words of a text, and the acronyms that it spells out with what they stand for."""
    pairs = {(short, long.casefold()) for short, long in acronyms(text)}
    return {*_WORD.findall(text.lower())}, pairs


class Words(Protocol):
    """How many chunks of one tenant have a word, or spell an acronym out so."""

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        """Those of `words` that some chunk has."""
        ...

    def long_forms(self, short: str) -> Mapping[str, int]:
        """What an acronym stands for."""
        ...


class CountedWords:
    """`Words` of texts that are counted one by one, in memory."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._words: Counter[str] = Counter()
        self._long: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            words, pairs = said(text)
            self._words.update(words)
            for short, long in pairs:
                self._long[short][long] += 1

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        return {word: self._words[word] for word in words if word in self._words}

    def long_forms(self, short: str) -> Mapping[str, int]:
        return self._long.get(short, {})


class Lexicon:
    """What the words and acronyms of one tenant's chunks say of a question."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def spelled_out(self, query: str) -> str | None:
        """The question with each acronym followed by what the corpus says it stands for."""
        lowered = query.casefold()

        def whole(found: re.Match[str]) -> str:
            short = found[0]
            of = self._words.long_forms(short) or self._words.long_forms(short.removesuffix("s"))
            if not of:
                return short
            long = max(sorted(of), key=of.__getitem__)
            return short if long in lowered else f"{short} ({long})"

        said = re.sub(r"\b[A-Z][A-Za-z0-9&-]*[A-Z0-9]s?\b", whole, query)
        return None if said == query else said

    def corrected(self, query: str) -> str | None:
        """The question with each word that no chunk has exchanged for the nearest that some do."""

        def right(found: re.Match[str]) -> str:
            return self._nearest(found[0]) or found[0]

        said = _WORD.sub(right, query)
        return None if said == query else said

    def _nearest(self, word: str) -> str | None:
        """One insertion, deletion, exchange or swap away, the most frequent one.

        Where one is the other's beginning it is another form of the word, which stemming sees to.
        """
        low = word.casefold()
        if len(low) < _FEWEST_LETTERS or not _PLAIN.match(low) or self._words.having([low]):
            return None
        near = self._words.having({*_edits(low)})
        if any(each.startswith(low) or low.startswith(each) for each in near):
            return None
        best = max(((count, each) for each, count in near.items()), default=(0, ""))
        return best[1] if best[0] >= _AT_LEAST else None


def _edits(word: str) -> Iterable[str]:
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    for a, b in cuts:
        if b:
            yield a + b[1:]
            yield from (a + each + b[1:] for each in _LETTERS)
        if len(b) > 1:
            yield a + b[1] + b[0] + b[2:]
        yield from (a + each + b for each in _LETTERS)
