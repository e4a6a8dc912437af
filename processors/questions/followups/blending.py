"""What a question says with a fragment in the place of its like."""

from __future__ import annotations

from processors.questions.followups.phrases import (
    Phrase,
    is_name,
    kind_of_identifier,
    opposite,
    word_set,
)

# "Larger payments" are of the same kind as those before.
_MORE = word_set("larger smaller higher lower bigger other further additional more older")


def blended(new: Phrase, old: Phrase) -> str:
    """What stands in the place of `old`: `new`, with what it leaves out of it."""
    words = _words(new, old)
    partly = len(words) > len(new.words) or new.is_one or new.head == old.head
    article = new.article or (old.article if partly or new.identifier else "")
    if article.lower() == "the" and old.article.lower() in ("a", "an"):
        article = old.article  # "and the Premium card?" is one of them, too
    if new.words[-1].key == "ones":
        article = new.article
    if article.lower() in ("a", "an"):
        if words[-1].endswith("s") and not words[-1].endswith("ss"):
            article = ""
        else:
            first = words[0].lower()
            vowel = (first[0] in "aeio" and first[:2] != "eu") or first[:2] == "un"
            vowel = vowel and first[:3] != "uni" and first[:3] != "one"
            article = ("An" if vowel else "A") if article[0] == "A" else "an" if vowel else "a"
    return " ".join([*([article] if article else []), *words])


def _words(new: Phrase, old: Phrase) -> list[str]:
    mine, theirs = [w.text for w in new.words], [w.text for w in old.words]
    if new.is_one:
        several = new.words[-1].key == "ones" and not theirs[-1].endswith("s")
        more = mine[0].lower() in _MORE
        found = [*mine[:-1], *theirs] if more else _put(mine[:-1], theirs, old)
        return [*found[:-1], found[-1] + "s"] if several else found
    if new.identifier and new.identifier == old.identifier and len(mine) == 1:
        at = next(i for i, w in enumerate(old.words) if _same(w.text, new))
        return [*theirs[:at], *mine, *theirs[at + 1 :]]
    if new.head == old.head and new.before and new.before[0].key in _MORE:
        return [*mine[:-1], *theirs[:-1], mine[-1]]
    if new.head == old.head:
        return [*_put(mine[:-1], theirs, old)[:-1], mine[-1]] if len(mine) > 1 else mine
    if len(mine) == 1 and (partner := opposite(mine[0], old.words)):
        return [mine[0] if w is partner else w.text for w in old.words]
    if new.is_person and not old.is_person:
        for word in new.before:
            if partner := opposite(word.text, old.words):
                return [word.text if w is partner else w.text for w in old.words]
    inside = [i for i, w in enumerate(old.before) if w.key == new.words[-1].key]
    if inside:  # "Youth Debit", of "a Classic Debit card"
        return [*mine, *theirs[inside[0] + 1 :]]
    if new.named and old.named and len(mine) == 1 and len(theirs) > 1 and not new.identifier:
        return _put(mine, theirs, old)  # "Premium"
    return mine


def _same(word: str, new: Phrase) -> bool:
    return kind_of_identifier(word) == new.identifier


def _put(mine: list[str], theirs: list[str], old: Phrase) -> list[str]:
    """The words before a head, put in the place of those of their sort."""
    if not mine:
        return theirs
    for at, word in enumerate(mine):
        if partner := opposite(word, old.before):
            place = next(i for i, w in enumerate(old.words) if w is partner)
            return (
                [*theirs[:place], word, *theirs[place + 1 :]]
                if len(mine) == 1
                else [*mine[:at], word, *mine[at + 1 :], *theirs[place + 1 :]]
            )
    if all(is_name(word) for word in mine):
        named = [i for i, w in enumerate(old.before) if is_name(w.text)]
        if named:
            rest = len(named) - len(mine)
            first, last = named[0], named[-1] if rest <= 0 else named[len(mine) - 1]
            return [*theirs[:first], *mine, *theirs[last + 1 :]]
    return [*mine, theirs[-1]]
