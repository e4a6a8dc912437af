"""Words that point back: "it", "its fee", "that form", "the second one"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from processors.questions.followups.blending import blended
from processors.questions.followups.likeness import likest
from processors.questions.followups.phrases import (
    AUXILIARIES,
    PREPOSITIONS,
    VERBS,
    Phrase,
    Token,
    phrases,
    stem,
    tokens,
    word_set,
)
from processors.questions.followups.topic import Topic, definite, many

_ORDINAL = re.compile(
    r"\b(?:the|number|item|point|step|option)\s+"
    r"(?P<which>first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|latter"
    r"|former|[1-9](?:st|nd|rd|th)?|one|two|three|four|five)"
    r"(?:\s+(?P<kind>one|item|point|step|option|thing|condition|document|rule|measure|entry|line))?"
    r"(?:\s+(?:of|in|on|from)\s+(?:them|these|those|that|the list|your list))?(?![\w-])",
    re.IGNORECASE,
)
_COUNTED = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NUMBERS = ("one", "two", "three", "four", "five")
_POINTS = word_set("it they them this that these those")
_OWNS = frozenset(("its", "their"))
_SHOWS = frozenset(("this", "that", "these", "those", "such"))
# What is done to an attribute, not to the thing that has it.
_OF_VALUES = word_set("""
    raise raised change changed lower lowered waive waived increase increased reduce reduced
    pay pays paid charged review reviewed exceed exceeded set apply applies calculated negotiable
    temporary
""")
# What is done, not to what: "how long does it take?".
_OF_DEEDS = word_set("take takes cost costs done work works needed required allowed possible free")
_FOR = re.compile(r"\s+for (?:it|that|this)$", re.IGNORECASE)
_THERE = re.compile(r"(?<!is )(?<!are )(?<!was )(?<!were )(?<!be )\bthere$", re.IGNORECASE)
_BARE_ONE = re.compile(r"(?<=[a-z] )one(?=$| (?:of|with|for|in|from|over|under|that|which) )")
_DUMMY = re.compile(
    r"\bit (?:take|takes|cost|costs|be|is|possible|allowed)\b.*?\b(?:to|for \w+ to|that)\s+\w",
    re.IGNORECASE,
)
_DUMMY_IS = re.compile(
    r"\b(?:is|was|would) it (?:possible|allowed|permitted|necessary|true|enough|also possible)\b"
    r".*?\b(?:to|that)\s+\w",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"\b(?:if|when|after|before|once|while|because)\b", re.IGNORECASE)


def points_at_item(query: str) -> bool:
    """Whether it speaks of one of several things by its number."""
    found = _ORDINAL.search(query)
    if found is None:
        return False
    if found["kind"] is None:  # "the second debit of a month" counts something else
        rest = query[found.end() :].strip(" ?!.")
        first = tokens(rest)[0].key if rest and tokens(rest) else ""
        return not first or first in AUXILIARIES | PREPOSITIONS
    return True


def with_item(query: str, items: Sequence[str]) -> str:
    """The query with the item that it counts to; empty where there is none."""
    found = _ORDINAL.search(query)
    if found is None or not items:
        return ""
    which = found["which"].lower()
    if which in ("last", "latter"):
        at = len(items) - 1
    elif which == "former":
        at = 0
    elif which in _COUNTED:
        at = _COUNTED.index(which)
    elif which in _NUMBERS:
        at = _NUMBERS.index(which)
    else:
        at = int(which[0]) - 1
    if at >= len(items):
        return ""
    item = items[at].strip().rstrip(".;,")
    said = f"{query[: found.start()]}{item}{query[found.end() :]}"
    return said if said.rstrip().endswith("?") else f"{said.rstrip(' .!')}?"


def points_back(text: str) -> bool:
    """Whether a word of it stands for something outside of it."""
    return points_away(text) or _one(text) is not None


def points_away(text: str) -> bool:
    """The same, but for "one", whose like a fragment finds by itself."""
    return (
        _pointer(text) is not None
        or _owner(text) is not None
        or _shown(text) is not None
        or _THERE.search(text) is not None
    )


def shows(text: str) -> bool:
    """Whether it points at something by its kind: "that form"."""
    return _shown(text) is not None


def resolved(text: str, topic: Topic, said: str, titles: Sequence[str]) -> str:
    """The text with what its words point at; empty where nothing is there to point at.

    `said` is the former answer: "that form" is the one that it names.
    """
    thing = topic.thing
    name = definite(topic.full(thing)) if thing is not None else titles[0] if titles else ""
    if owner := _owner(text):
        start, end, what = owner
        return f"{text[:start]}the {what} of {name}{text[end:]}?" if name else ""
    if shown := _shown(text):
        return _demonstrated(text, shown, topic, said, name)
    if one := _one(text):
        start, end, phrase = one
        if phrase is None:
            other = _other(text, topic)
            return f"{text[:start]}{other}{text[end:]}?" if other else ""
        old = likest(phrase, topic.phrases) or thing
        return "" if old is None else f"{text[:start]}{blended(phrase, old)}{text[end:]}?"
    if (where := _THERE.search(text)) and topic.place:
        return f"{text[: where.start()]}{topic.place}{text[where.end() :]}?"
    pointer = _pointer(text)
    if pointer is None:
        return ""
    before, after = text[: pointer.start], text[pointer.end :]
    if pointer.key in ("it", "this", "that") and (done := _as_done(text, pointer, topic)):
        return done
    keys = {token.key for token in tokens(text)}
    what = topic.whole if keys & _OF_VALUES and topic.whole else name
    if not what:
        return ""
    if topic.attribute is not None and thing is topic.attribute:
        what = definite(what)
    if pointer.key in ("they", "them", "those") and what == name:
        what = topic.several or many(what)
    return f"{before}{what}{after}?"


def _as_done(text: str, pointer: Token, topic: Topic) -> str:
    """The text, where "it" is what is done: "how long does it take?", "who may ask for that?"."""
    keys = {token.key for token in tokens(text)}
    ends = _FOR.search(text)
    if not (keys & _OF_DEEDS or ends):
        if pointer.key == "it" or not topic.doing:
            return ""
        return f"{text[: pointer.start]}{topic.doing}{text[pointer.end :]}?"
    if topic.action:
        if ends:
            return f"{text[: ends.start()]} to {topic.action}?"
        it = text[: pointer.start] + ("it" if pointer.key == "that" else pointer.text)
        return f"{it}{text[pointer.end :]} to {topic.action}?"
    if topic.event:
        if ends:
            return f"{text[: ends.start()]} for {topic.event}?"
        if keys & {"take", "takes", "long"}:
            it = f"{text[: pointer.start]}it{text[pointer.end :]}"
            return f"{it} for {definite(topic.event)}?"
    return ""


def _other(text: str, topic: Topic) -> str:
    """The thing that "one" is by itself: none of a kind that the text names already."""
    named = {phrase.head for phrase in phrases(text)}
    thing = topic.thing
    kinds = [*([thing] if thing else []), *topic.phrases]
    for each in kinds:
        if each.head in named or each.is_time or each.is_person or each.is_attribute:
            continue
        if each.article or each.named:
            return topic.full(each)
        words = [word.text for word in each.words]
        return " ".join(["a", *words[:-1], stem(words[-1])])
    return ""


def _one(text: str) -> tuple[int, int, Phrase | None] | None:
    """ "larger ones", or "one" by itself, in a question of its own verb."""
    for phrase in phrases(text):
        if phrase.is_one:
            return phrase.start, phrase.end, phrase
    found = _BARE_ONE.search(text)
    return None if found is None else (found.start(), found.end(), None)


def _pointer(text: str) -> Token | None:
    """A pronoun that nothing in the text stands for."""
    if _DUMMY.search(text) or _DUMMY_IS.search(text):
        return None
    words = tokens(text)
    for at, word in enumerate(words):
        if word.key not in _POINTS:
            continue
        after = words[at + 1].key if at + 1 < len(words) else ""
        before = words[at - 1].key if at else ""
        if word.key in _SHOWS and after and not _follows_pronoun(after):
            continue  # "that form"
        if word.key == "that" and before and before not in AUXILIARIES | PREPOSITIONS | VERBS:
            continue  # "a card that was lost"
        if _stands_inside(text[: word.start]):
            continue
        return word
    return None


def _follows_pronoun(word: str) -> bool:
    return word in AUXILIARIES | PREPOSITIONS | VERBS or word.endswith("ed")


def _stands_inside(before: str) -> bool:
    """Whether a clause before has something that the pronoun may be: "if a card is lost, ..."."""
    if "," not in before and not _CLAUSE.search(before):
        return False
    found = (p for p in phrases(before) if not p.preposition)
    return any(not (p.is_person or p.is_time) for p in found)


def _owner(text: str) -> tuple[int, int, str] | None:
    """ "its monthly fee": where it stands, and what is owned."""
    for phrase in phrases(text):
        if phrase.article.lower() in _OWNS and not _stands_inside(text[: phrase.start]):
            return phrase.start, phrase.end, phrase.text(article=False)
    return None


def _shown(text: str) -> tuple[int, int, str, str] | None:
    """ "that form": where it stands, what it is, and its head."""
    for phrase in phrases(text):
        what = phrase.words[0].key
        if len(phrase.words) == 1 and (what in VERBS or what.endswith("ed")):
            continue  # "did that last"
        if phrase.article.lower() in _SHOWS and not _stands_inside(text[: phrase.start]):
            return phrase.start, phrase.end, phrase.text(article=False), phrase.head
    return None


def _demonstrated(
    text: str, shown: tuple[int, int, str, str], topic: Topic, said: str, name: str
) -> str:
    start, end, what, head = shown
    if found := re.search(rf"\b{re.escape(head)}s?\s+([A-Z]+-?\d[\w-]*)", said, re.IGNORECASE):
        return f"{text[:start]}{head} {found[1]}{text[end:]}?"
    alike = next((p for p in topic.phrases if stem(p.words[-1].key) == head), None)
    if alike is not None and alike.is_attribute and topic.whole:
        return f"{text[:start]}{topic.whole}{text[end:]}?"
    if alike is not None and not alike.asked:
        return f"{text[:start]}{definite(alike.text())}{text[end:]}?"
    return f"{text[:start]}the {what} for {name}{text[end:]}?" if name else ""
