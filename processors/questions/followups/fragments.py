"""Fragments of questions: "and for business customers?", "and the notice?", "since when?"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from processors.questions.followups.blending import blended
from processors.questions.followups.likeness import likest
from processors.questions.followups.phrases import (
    ASKING,
    AUXILIARIES,
    PREPOSITIONS,
    Phrase,
    opposite,
    phrases,
    tokens,
)
from processors.questions.followups.topic import Topic

_LEAD = re.compile(
    r"^(?:(?:ok|okay|thanks|thank you|right|fine|good|yes|no)\b[,.!]?\s+)?"
    r"(?:(?:and|but|or|so|then|now|also)\b,?\s+)*"
    r"(?P<about>(?:what|how)(?:\s+about|\s+of|'s\s+with)\s+"
    r"|(?:(?:is|does|do|are) (?:it|that|this|the same|these|those|they)"
    r"|(?:the )?same(?: question)?(?: thing)?)"
    r"(?: (?:the same|also|true|apply|different|hold|go|so|valid))*"
    r"\s+(?=(?:for|to|in|at|on|with)\b)"
    r"(?:to\s+)?|what if (?:it is|it's|it was|we take|I take|i have|I have)\s+)?",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[,]?\s+(?:then|too|instead|as well|please|also)?[\s?!.]*$", re.IGNORECASE)
_IF = re.compile(
    r"^(?:and |but |so |or )?(?:what )?(?:if|when) (?:it|they|this|that|(?:the|an?) [\w-]+)"
    r" (?:is|was|are|were|has been|had been) (?P<how>[\w-]+)$",
    re.IGNORECASE,
)
_PURPOSE = re.compile(r"^(.*\b(?:needed|required|necessary|used)) to\s.*$", re.IGNORECASE)
_LONGEST = 12  # words of a fragment
_SHORT = 5  # of a bare one, without "and"
_SURE = 3.0


def bare(query: str) -> tuple[str, bool]:
    """A query without what leads it, and whether it was led: "and", "what about"."""
    plain = _TAIL.sub("", query.strip() + " ").strip(" ?!.")
    lead = _LEAD.match(plain)
    if lead is None or not lead[0].strip() or not plain[lead.end() :]:
        return plain, False
    return plain[lead.end() :], True


def is_fragment(text: str) -> bool:
    """Whether it asks by what was asked before: no question word and no auxiliary of its own."""
    keys = [token.key for token in tokens(text)]
    return bool(keys) and len(keys) <= _LONGEST and not {*keys} & (ASKING | AUXILIARIES)


def put(text: str, topic: Topic, *, led: bool) -> str:
    """The former question with the fragment in the place of its like; empty: it has none.

    A fragment that nothing leads is one only where it begins as a part of a question does and
    its like is plainly there: keywords are a question of their own.
    """
    found = phrases(text)
    if not found:
        return _swapped(text, topic)
    first = tokens(text)[0].key
    if not led and not (
        len(tokens(text)) <= _SHORT and (first in PREPOSITIONS or found[0].article)
    ):
        return ""
    if len(found) == 1 and not found[0].article and not found[0].preposition:
        swapped = _swapped(text, topic)
        if swapped:
            return swapped
    said = topic.question
    edits: list[tuple[int, int, str]] = []
    left: list[tuple[Phrase, str]] = []
    olds = [*topic.phrases]
    for new, tail in _units(text, found):
        old = likest(new, olds)
        if old is None:
            left.append((new, tail))
            continue
        olds.remove(old)
        start, preposition = _begins(old, new, topic.question)
        end = old.end
        if tail:  # "of a whole bulk file" takes the place of "of a single payment"
            end = old.start + len(topic.full(old))
        edits.append((start, end, preposition + blended(new, old) + tail))
    if edits and left:
        left = [each for each in left if each[0].preposition]
    for start, end, words in sorted(edits, reverse=True):
        said = said[:start] + words + said[end:]
    for new, tail in left:
        said = _placed(new, topic, said) + tail
    return f"{said}?" if said != topic.question else ""


def _units(text: str, found: Sequence[Phrase]) -> Iterator[tuple[Phrase, str]]:
    """The phrases of a fragment, each with what it is of."""
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and found[end].preposition == "of":
            end += 1
        yield found[at], text[found[at].end : found[end - 1].end]
        at = end


def _begins(old: Phrase, new: Phrase, question: str) -> tuple[int, str]:
    """Where what is replaced begins: "at the counter" takes the place of "in the app"."""
    before = tokens(question[: old.start])
    if new.preposition and before and before[-1].key == old.preposition:
        return before[-1].start, f"{new.preposition} "
    return old.start, ""


def _swapped(text: str, topic: Topic) -> str:
    """A word in the place of the one that it excludes: "and monthly?"."""
    words = tokens(text)
    if len(words) != 1:
        return ""
    all_words = tokens(topic.question)
    partner = opposite(words[0].text, all_words)
    if partner is None:
        return ""
    said = topic.question
    return f"{said[: partner.start]}{words[0].text}{said[partner.end :]}?"


def conditional(text: str, topic: Topic) -> str:
    """ "And if it is stolen?", of a question about a lost card."""
    found = _IF.match(text)
    if found is None:
        return ""
    return _swapped(found["how"], topic)


def _placed(new: Phrase, topic: Topic, said: str) -> str:
    """The question with a phrase that none of its own is like."""
    thing = topic.thing
    if new.preposition:
        purpose = _PURPOSE.match(said) if new.preposition == "for" else None
        return f"{purpose[1] if purpose else said} {new.preposition} {new.text()}"
    if new.is_attribute:
        what = new.text() if new.article else f"the {new.text()}"
        be = "are" if new.words[-1].key.endswith("s") and not new.head.endswith("s") else "is"
        be = "is" if new.words[-1].key in ("notice", "basis") else be
        if topic.action:
            return f"What {be} {what} to {topic.action}"
        return said if thing is None else f"What {be} {what} for {topic.full(thing)}"
    if thing is not None and new.named and thing.named:
        return said[: thing.start] + blended(new, thing) + said[thing.end :]
    if not new.named:
        others = [p for p in topic.phrases if not (p.is_attribute or p.is_time or p.is_person)]
        if thing is not None and (others == [thing] or (new.article and thing.article)):
            return said[: thing.start] + blended(new, thing) + said[thing.end :]
    return f"{said} for {new.text()}"


_QUESTION_ALONE = re.compile(
    r"^(?:(?P<prep>[a-z]+) )?(?P<asks>who|whom|whose|when|where|why|how(?: (?:much|many|long|often"
    r"|soon|far|fast|late))?|what|which)(?: (?P<more>[\w-]+))?$",
    re.IGNORECASE,
)


def asked_alone(text: str, topic: Topic) -> str:
    """ "Since when?", "by whom?", "how much?": of what was asked before."""
    found = _QUESTION_ALONE.match(text)
    if found is None or (found["prep"] or "").lower() not in PREPOSITIONS | {""}:
        return ""
    asks = text[0].upper() + text[1:]
    if topic.there and not found["prep"]:
        return f"{asks} is the {topic.there}?"
    words = tokens(topic.question)
    at = next((t for t in words if t.key in AUXILIARIES), None)
    if at is None:
        return ""
    rest = topic.question[at.start :]
    return f"{asks} {rest[0].lower()}{rest[1:]}?"
