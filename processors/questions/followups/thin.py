"""Questions that name an attribute, and nothing that has it."""

from __future__ import annotations

from processors.questions.followups.phrases import ASKING, AUXILIARIES, phrases, tokens
from processors.questions.followups.topic import Topic


def is_thin(text: str, *, led: bool) -> bool:
    """Whether a question names an attribute and nothing that has it: "How long is the notice?"."""
    keys = [token.key for token in tokens(text)]
    if not keys or keys[0] not in ASKING | AUXILIARIES or len(keys) > 9:
        return False
    found = [p for p in phrases(text) if not (p.is_person and not p.before)]
    if any(p.named or p.preposition or not p.is_attribute for p in found):
        return False
    most = 3 if led else 2  # words: "What is the late payment fee?" may be meant as it stands
    return len(found) == 1 and len(found[0].words) <= most


def completed(text: str, topic: Topic) -> str:
    """A thin question, of what the one before was about."""
    if topic.action:
        return f"{text} to {topic.action}?"
    thing = topic.thing
    return "" if thing is None or thing.is_attribute else f"{text} for {thing.text()}?"
