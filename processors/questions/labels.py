"""Lines that only name what is asked: the value stands in the line below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from processors.questions.evidence import Asked, asked, keys_of
from processors.questions.kinds import asks_whether
from processors.questions.quoting import Sentence

_LONGEST = 6  # words
_ENDS = (".", "!", "?", ";", ",", "…")


def labelled(found: Iterable[Sentence], text: str, question: Asked, written: str) -> list[Sentence]:
    """What can be quoted of `text`, without lines that say no more than the question `written`.

    Such a line is a heading of what stands below it, whatever it looks like: "Cut-off time", and
    then "14:20". Where yes or no is asked, its words may be the answer.
    """
    if asks_whether(written):
        return [*found]
    known = {term.key for term in question.terms}
    kept: list[Sentence] = []
    label: Sentence | None = None
    for each in found:
        if label is not None and each.list_of < 0 and each.header is None:
            said = text[label.start : label.end]
            each = replace(
                each, near=each.near | keys_of(said), headings=(*each.headings, said.strip())
            )
        label = each if _echoes(each, text, known) else None
        if label is None:
            kept.append(each)
    return kept


def _echoes(each: Sentence, text: str, known: set[str]) -> bool:
    said = text[each.start : each.end].strip("*_ \n")
    if each.list_of >= 0 or each.header is not None or said.endswith(_ENDS):
        return False
    if len(said.split()) > _LONGEST or any(letter.isdigit() for letter in said):
        return False
    terms = asked(said).terms
    return bool(terms) and all(term.key in known for term in terms)
