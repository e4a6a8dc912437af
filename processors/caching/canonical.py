"""A question in the one form that all its harmless wordings share.

Only what changes nothing goes: politeness, articles, case, a plural's ending, how a number or a
date is written, "the limit of a card" for "a card's limit". Every other word stays, in its order:
names, identifiers, denials, directions, modals, tenses. So questions of one form ask the same, at
the price of many that ask the same and have another form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from processors.text.figures import figures
from processors.text.identifiers import named_in, plain

LONGEST = 400  # characters: longer ones are looked up as they stand alone
_MARK = "\x1f"  # in no word
_POLITE = re.compile(
    r"\A(?:(?:hi|hello|hey|please|so|ok|okay)\b[,!.]?\s+)*"
    r"(?:(?:can|could|would|will) you (?:please )?(?:tell|show|explain to|remind) (?:me|us)\s+"
    r"|(?:please )?(?:tell|show|give) (?:me|us)\s+(?!how to\b)"
    r"|(?:do you know|i(?: would|['’]d) like to know|i (?:want|need) to know|i wonder)\s+)?",  # noqa: RUF001
    re.IGNORECASE,
)
_THANKS = re.compile(r"(?:[,\s]+(?:please|thanks)|,\s*thank you)?[\s?.!]*\Z", re.IGNORECASE)
# Words, and of signs those that say something: "C++" is not "C#", nor "<" what ">" is.
_TOKEN = re.compile(rf"{_MARK}[^{_MARK}]+{_MARK}|[^\W_]+|[^\w\s.,;:!?'\"()\[\]’‘“”–—-]")  # noqa: RUF001
_DENIED = re.compile(r"\b(ca|wo|sha)n['’]t\b|n['’]t\b", re.IGNORECASE)  # noqa: RUF001
_WHOLE = {"ca": "can not", "wo": "will not", "sha": "shall not"}
_SHORT = re.compile(r"\b(what|who|where|when|how|that|it|there)['’]s\b", re.IGNORECASE)  # noqa: RUF001
_OWNED = re.compile(r"['’]s?(?=\s)")  # noqa: RUF001
_ARTICLES = frozenset(("a", "an", "the"))
_BEING = frozenset(("is", "are", "be", "do", "does"))
_ASKS = frozenset(("what", "who", "whom", "whose", "which", "when", "where", "why", "how"))
_SAME = {
    "whom": "who", "which": "what", "was": "past", "were": "past", "did": "past", "could": "can",
    "'m": "am", "tel": "telephone",
}  # fmt: skip
_OF = frozenset(("of", "for"))
# What is more than several of one: the terms of a loan are not its term.
_OTHERWISE = frozenset((
    "arms", "contents", "customs", "damages", "funds", "futures", "goods", "interests", "means",
    "minutes", "news", "premises", "proceeds", "savings", "securities", "terms", "works",
))  # fmt: skip


def canonical(question: str) -> str:
    """The form of a question; empty where it has none: it is too long, or says too little."""
    if len(question) > LONGEST:
        return ""
    text = plain(question).strip()
    text = _THANKS.sub("", _POLITE.sub("", text, count=1), count=1)
    words = [*_words(_marked(text))]
    asks = "what"
    if words and words[0] in _ASKS:
        asks = _SAME.get(words[0], words[0])
        words = words[1:]
    elif words and (words[0] in _BEING or words[0] in ("has", "have", "was", "were", "did")):
        asks = "whether"
    last = len(words) - 1  # "what must I do" has it as its verb
    words = [
        _SAME.get(word, word)
        for at, word in enumerate(words)
        if word not in _BEING or (at == last and word == "do")
    ]
    said = [*_turned(words)]
    content = [word for word in said if word not in _ARTICLES]
    return " ".join((asks, *content)) if len(content) > 1 else ""


def _marked(text: str) -> str:
    """The text with each figure and each identifier as one word that says all of it."""
    spans = [(each.start, each.end, f"#{each.key}{each.unit}") for each in figures(text)]
    for start, end, key in named_in(text):
        if not any(a < end and start < b for a, b, _ in spans):
            spans.append((start, end, f"@{key}"))
    for start, end, key in sorted(spans, reverse=True):
        text = f"{text[:start]} {_MARK}{key}{_MARK} {text[end:]}"
    return text


def _words(text: str) -> Iterator[str]:
    """Lowercase, but for what is written in capitals: "IT", "US", "WHO", "plan A" are names."""
    text = _DENIED.sub(lambda found: f" {_WHOLE.get((found[1] or '').lower(), 'not')} ", text)
    text = re.sub(r"\bcannot\b", "can not", text, flags=re.IGNORECASE)
    text = _OWNED.sub(" ", _SHORT.sub(r"\1 is", text))
    shouted = text.isupper()
    for at, found in enumerate(_TOKEN.findall(text)):
        if found[0] == _MARK:
            yield found.strip(_MARK)
        elif (len(found) > 1 or (found == "A" and at)) and found.isupper() and not shouted:
            yield f"'{found}"
        else:
            yield _singular(found.casefold())


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "as")):
        return word
    if word in _OTHERWISE:
        return word
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]


def _turned(words: Iterable[str]) -> Iterator[str]:
    """ "limit of the card" is "card limit": the runs of words around an "of", the last first."""
    left = [*words]
    runs: list[list[str]] = [[]]
    for at, word in enumerate(left):
        if word in _OF and runs[-1] and at + 1 < len(left):
            runs.append([])
        else:
            runs[-1].append(word)
    if len(runs) == 2 and len(runs[0]) <= 2 and len(runs[1]) <= 4:
        runs.reverse()
    for number, run in enumerate(runs):
        if number and len(runs) != 2:
            yield "of"
        yield from run
