"""Other words for the same claim: what must not make a judge think that it is not supported."""

from __future__ import annotations

import random
import re

_OPENERS = (
    "Yes, ",
    "yes! ",
    "yeah, ",
    "No, ",
    "Not really, ",
    "Well, ",
    "Oh, ",
    "Actually, ",
    "I think ",
    "I heard that ",
    "I know that ",
    "Did you know that ",
    "Yes, they are. ",
    "yes it is, ",
    "I do. ",
    "That is true, ",
    "In conclusion, ",
    "In summary, ",
    "In short, ",
    "Overall, ",
    "Thus, ",
    "Therefore, ",
    "Additionally, ",
    "Furthermore, ",
    "However, ",
    "For example, ",
    "In this case, ",
    "According to the text, ",
    "It is known that ",
    "It should be noted that ",
)
# Either way, where a claim has the one.
_EQUAL = (
    ("such as", "like"),
    ("because of", "due to"),
    ("several", "a number of"),
    ("utilize", "use"),
    ("approximately", "about"),
    ("began", "started"),
    ("begin", "start"),
    ("commonly", "often"),
    ("was founded", "was established"),
    ("located", "situated"),
    ("large", "big"),
    ("obtain", "get"),
    ("United States", "US"),
    ("United Kingdom", "UK"),
    ("United Nations", "UN"),
    ("European Union", "EU"),
    ("World War II", "the Second World War"),
    ("World War I", "the First World War"),
    ("types", "kinds"),
    ("type", "kind"),
    ("various", "different"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("twelve", "12"),
    ("moreover", "in addition"),
    ("while", "whereas"),
    ("help", "assist"),
    ("helps", "assists"),
    ("show", "demonstrate"),
    ("shows", "demonstrates"),
    ("showed", "demonstrated"),
    ("movie", "film"),
    ("children", "young people"),
    ("illness", "disease"),
    ("doctor", "physician"),
    ("doctors", "physicians"),
    ("car", "automobile"),
    ("important", "significant"),
    ("entire", "whole"),
    ("near", "close to"),
    ("usually", "generally"),
    ("regularly", "routinely"),
    ("rapidly", "quickly"),
    ("created", "made"),
    ("built", "constructed"),
    ("received", "got"),
    ("ended", "finished"),
    ("called", "named"),
    ("consists of", "is made up of"),
    ("includes", "contains"),
    ("total", "overall"),
    ("result", "outcome"),
    ("results", "findings"),
    ("people", "persons"),
    ("wrote", "authored"),
    ("company", "firm"),
    ("country", "nation"),
    ("town", "city"),
    ("author", "writer"),
    ("give", "provide"),
    ("gives", "provides"),
    ("gave", "provided"),
    ("aim", "goal"),
    ("method", "approach"),
)
# Only this way: the other says more, or something else too.
_ONE_WAY = (
    ("numerous", "many"),
    ("purchase", "buy"),
    ("is able to", "can"),
    ("are able to", "can"),
    ("percent", "%"),
    ("first", "1st"),
    ("one", "1"),
    ("million", "m"),
    ("in order to", "to"),
    ("whilst", "while"),
    ("need", "require"),
    ("needs", "requires"),
    ("job", "work"),
    ("kids", "children"),
    ("main", "primary"),
    ("major", "main"),
    ("roughly", "about"),
    ("around", "about"),
    ("became", "turned into"),
    ("known as", "called"),
    ("died", "passed away"),
    ("home", "house"),
    ("reduce", "lower"),
    ("reduced", "lowered"),
    ("buy", "acquire"),
    ("must", "has to"),
)
_OTHER = {one: other for pair in _EQUAL for one, other in (pair, pair[::-1])} | dict(_ONE_WAY)
_WORDS = "|".join(sorted(map(re.escape, _OTHER), key=len, reverse=True))
_KNOWN = re.compile(rf"(?<![\w.,-])(?:{_WORDS})(?![\w%-]|[.,]\d)")  # no part of a longer number
_ADVERB = re.compile(r" (?!only|early|daily|family|supply|apply|nearly|hardly|barely)[a-z]{4,}ly\b")
_ARTICLE = re.compile(r"\b(?:the|a|an) ")
_NOUN = re.compile(r"\b[a-z]{4,}[b-rt-z]\b(?= (?:of|in|and|for|on|to|with|from|that)\b)")
_PLURAL = re.compile(r"\b[a-z]{4,}[b-rt-z]s\b(?= (?:of|in|and|for|on|to|with|from|that)\b)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SUBJECT = re.compile(
    r"(?:The )?[A-Z]\w+ [A-Z]\w+(?= (?:is|was|has|had|did|won|became|made|led)\b)"
)
_BEFORE_COMMA = re.compile(r",(?= )")


def reworded(claim: str, rng: random.Random) -> str:
    """The claim with some words exchanged, left out or put before it. Nothing depends on what is
    true: a claim and its opposite are treated alike."""
    draw = rng.random
    if draw() < 0.4:
        claim = _KNOWN.sub(lambda found: _OTHER[found[0]] if draw() < 0.5 else found[0], claim)
    if draw() < 0.15:
        claim = _ADVERB.sub("", claim, count=1)
    if draw() < 0.15:
        claim = _ARTICLE.sub("", claim, count=1 + (draw() < 0.5))
    if draw() < 0.12:
        claim = _NOUN.sub(lambda found: f"{found[0]}s", claim, count=1)
    if draw() < 0.12:
        claim = _PLURAL.sub(lambda found: found[0][:-1], claim, count=1)
    if draw() < 0.5:
        claim = _THOUSANDS.sub("", claim)
    if draw() < 0.1:
        claim = _BEFORE_COMMA.sub("", claim)
    if draw() < 0.15:
        claim = _SUBJECT.sub(rng.choice(("He", "She", "It")), claim, count=1)
    if draw() < 0.2:
        claim = f"{rng.choice(_OPENERS)}{claim[:1].lower()}{claim[1:]}"
    return claim
