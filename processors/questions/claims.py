"""What a sentence claims beside its words: figures and where they belong, denial, duty or leave.

It is read from words alone, English ones, clause by clause. What it cannot see: roles (who pays
whom), opposites without a word of denial (open, closed), a condition that was left out, in which
column of a table a number stands, whether a number is only a label (Section 4, Section 5), and two
denials that undo each other.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from processors.questions.amounts import bare, counted, joined, said_by, words_of
from processors.text.figures import Figure, figures

# Parts of a clause that stand for themselves; a list or a second verb shares what stands before.
_CLAUSE = re.compile(
    r"[;:]\s|\s[—–-]\s|\b(?:but|while|whereas|although|though|unless|except|however|if|when|until"  # noqa: RUF001
    r"|because)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r",\s|\b(?:and|or|nor)\b", re.IGNORECASE)
_AND = re.compile(r"\b(?:and|or|nor)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[^\W_][ ,])\s*([^\W\d_][^\W_]+)")
# Words of English that German, Dutch, French, Spanish and Portuguese do not have.
_ENGLISH = re.compile(
    r"\b(?:a|and|are|by|for|from|has|have|must|of|that|the|this|to|which|with)\b", re.IGNORECASE
)
# What a text may write as "ISO-27001" and a claim as "ISO 27001", or "a year" and "one year".
_CODE = re.compile(r"\b([A-Z]\w*)([ -])(\d+)\b")
_SPAN = r"(minute|hour|day|week|month|quarter|year)\b"
_A_SPAN = re.compile(rf"\ban?\s+{_SPAN}", re.IGNORECASE)
_ONE_SPAN = re.compile(rf"\bone\s+{_SPAN}", re.IGNORECASE)
_VERB = re.compile(
    r"\b(?:may|must|shall|can|cannot|could|might|should|will|would|is|are|was|were|do|does|did|has"
    r"|have|had|needs?|not|never|it|they|he|she|we|you)\b|n['’]t\b",  # noqa: RUF001
    re.IGNORECASE,
)
_REPLY = re.compile(r"\A\s*(?:yes|no)\b[,.:;!]\s*", re.IGNORECASE)
_CLOSING_NO = re.compile(r"[:?]\s+no[\s.!]*\Z", re.IGNORECASE)
# Words that deny nothing.
_IDLE = re.compile(r"\bnot only\b|\bwhether or not\b|\bno\.?\s+(?=\d)", re.IGNORECASE)
_DENIALS = (
    re.compile(
        r"\b(?:not|no|never|cannot|neither|nor|none|nobody|nothing|nowhere)\b|n['’]t\b",  # noqa: RUF001
        re.IGNORECASE,
    ),
    re.compile(r"\bwithout\b", re.IGNORECASE),
    re.compile(r"\b(?:forbid\w*|forbade|prohibit\w*|ban|bans|banned)\b", re.IGNORECASE),
)
_ORDER = re.compile(r"\b(?:must|shall|mustn|shan)\b", re.IGNORECASE)
_NEED = re.compile(
    r"\b(?:requir(?:e|es|ed)|obliged|mandatory|compulsory|necessary|needed|needn|needs?"
    r"|(?:has|have|had) to)\b",
    re.IGNORECASE,
)
# Not the month, which has a capital inside a sentence.
_LEAVE = re.compile(
    r"\b(?:may|(?i:can|cannot|could|couldn|might|permitted|allowed|optional))\b|^\s*May\b(?!\s*\d)"
)
_ADVICE = re.compile(r"\bshould(?:n['’]t)?\b", re.IGNORECASE)  # noqa: RUF001
_NOT_MORE = r"\b(?:no|not) (?:more|later|greater|higher|longer) than\b"
_NOT_LESS = r"\b(?:no|not) (?:less|fewer|earlier|lower|shorter|sooner) than\b"
_LIMITS = {
    "most": re.compile(rf"{_NOT_MORE}|\bat (?:the )?most\b|\bup to\b", re.IGNORECASE),
    "least": re.compile(rf"{_NOT_LESS}|\bat (?:the )?least\b", re.IGNORECASE),
    "more": re.compile(r"(?<!no )(?<!not )\bmore than\b", re.IGNORECASE),
    "less": re.compile(r"(?<!no )(?<!not )\b(?:less|fewer) than\b", re.IGNORECASE),
}
_BOUND = re.compile(rf"{_NOT_MORE}|{_NOT_LESS}", re.IGNORECASE)
# Two sentences say something of the same where so many of their words agree.
_SAME_WORDS = 0.8
# And these words say what differs rather than what of.
_RULES = """
    allowed permitted optional required needed needn obliged mandatory compulsory necessary
    forbidden prohibited ban banned least yes
"""


@dataclass(frozen=True, slots=True)
class Clause:
    """What a clause is about, whether it denies, and what sort of rule it is."""

    words: frozenset[str]
    denials: int
    rule: frozenset[str]
    limit: frozenset[str]

    def opposes(self, other: Clause) -> bool:
        """Whether one denies, demands or limits where the other does not."""
        return (
            self.denials != other.denials
            or _apart(self.rule, other.rule)
            or _apart(self.limit, other.limit)
        )


def _capitals(text: str) -> frozenset[str]:
    """The keys of words that have a capital inside a sentence."""
    found = _NAME.findall(bare(text))
    return words_of(" ".join(word for word in found if word[0].isupper() and word.isalpha()))


def names_of(text: str) -> frozenset[str]:
    """The keys of words that have a capital inside an English sentence.

    In other languages a capital may stand for less: German has one in every noun.
    """
    if len({found.lower() for found in _ENGLISH.findall(text)}) < 2:
        return frozenset()
    return _capitals(text)


def members_of(text: str) -> list[frozenset[str]]:
    """What is added by "and" or "or", each as keys."""
    pieces = _AND.split(text)[1:]
    return [words for piece in pieces if (words := words_of(_CLAUSE.split(piece)[0]))]


def as_spelled(claim: str, text: str) -> str:
    """The claim with the "ISO-27001" and "a year" of the text where it says ISO 27001, one year."""
    codes = {found[0] for found in _CODE.finditer(text)}
    spans = {found[1].lower() for found in _A_SPAN.finditer(text)}

    def code(found: re.Match[str]) -> str:
        other = f"{found[1]}{'-' if found[2] == ' ' else ' '}{found[3]}"
        return other if other in codes and found[0] not in codes else found[0]

    def span(found: re.Match[str]) -> str:
        return f"a {found[1]}" if found[1].lower() in spans else found[0]

    return _ONE_SPAN.sub(span, _CODE.sub(code, claim))


@lru_cache(maxsize=4096)
def clauses(sentence: str) -> tuple[Clause, ...]:
    """The clauses of a sentence; enumerations stay together."""
    found: list[str] = []
    text = _REPLY.sub("", sentence, count=1)
    closing = _CLOSING_NO.search(text)
    text = text[: closing.start()] if closing else text
    for part in _CLAUSE.split(_IDLE.sub(" ", text)):
        held, verb, at = "", False, 0
        for joint in [*_JOINT.finditer(part), None]:
            piece = part[at : joint.end() if joint else len(part)]
            at += len(piece)
            if _VERB.search(piece):
                if verb:
                    found.append(held)
                    held = ""
                verb = True
            held += piece
        found.append(held)
    if closing:
        found[-1] = f"not {found[-1]}"
    return tuple(_clause(text) for text in found if words_of(text))


def _clause(text: str) -> Clause:
    plain = _BOUND.sub(" ", text)
    denied = [denial.search(plain) is not None for denial in _DENIALS]
    rule: set[str] = set()
    if _ORDER.search(plain):
        rule.add("forbidden" if denied[0] else "duty")
    if _LEAVE.search(plain):
        rule.add("forbidden" if denied[0] else "leave")
    if _NEED.search(plain):
        rule.add("exempt" if denied[0] else "duty")
    if _ADVICE.search(plain):
        rule.add("advice")
    if denied[2]:
        rule.add("forbidden")
    limit = frozenset(name for name, pattern in _LIMITS.items() if pattern.search(text))
    return Clause(words_of(text), sum(denied), frozenset(rule), limit)


def _apart(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and one.isdisjoint(other)


def supported(claim: str, sentences: Sequence[str], around: str) -> bool:
    """Whether sentences say what a claim says beside its words.

    Each clause of the claim must not oppose the clause that has most of its words; each number must
    stand in one sentence (or in `around`: titles and headings), not with another unit, and not
    beside what the sentences give another number for.
    """
    said = _by_word(clause for sentence in _replied(sentences) for clause in clauses(sentence))
    agreed = all(_agrees(clause, said) for clause in dict.fromkeys(clauses(claim)))
    return agreed and counted(claim, sentences, around)


def _replied(sentences: Iterable[str]) -> list[str]:
    """A question and the "no" after it as one."""
    joined: list[str] = []
    for sentence in sentences:
        if joined and _CLOSING_NO.match(f"{joined[-1][-1:]} {sentence}"):
            joined[-1] += f" {sentence}"
        else:
            joined.append(sentence)
    return joined


def contradict(one: str, other: str) -> bool:
    """Whether two sentences with the same words differ in a figure, a denial, a duty or a limit.

    In one thing alone: the fees of two years or of two products do not contradict each other.
    """
    words, others = _compared(one), _compared(other)
    if not words or len(words & others) < _SAME_WORDS * len(words | others):
        return False
    said = _by_word(clauses(other))
    agree = all(_agrees(clause, said) for clause in clauses(one))
    mine, theirs = _strange(one, other), _strange(other, one)
    if not (mine and theirs):
        return not agree
    return (
        agree
        and _one_differs(mine, theirs)
        and not (_capitals(one) - words_of(other) and _capitals(other) - words_of(one))
    )


def _strange(one: str, other: str) -> list[Figure]:
    """Figures and identifiers that the other does not say; of a range its first number."""
    said = said_by(figures(other)) | words_of(other)
    strange = [figure for figure in figures(one) if not figure.among(said)]
    found = [
        figure
        for before, figure in zip([None, *strange], strange, strict=False)
        if before is None or not joined(one, before, figure)
    ]
    named = words_of(one) - _numberless(one) - said
    return found + [Figure(0, 0, key, frozenset([key]), False, "name") for key in sorted(named)]


def _one_differs(mine: Sequence[Figure], theirs: Sequence[Figure]) -> bool:
    """Whether one number, or one date, of the same sort stands for another."""
    pairs = [[[f for f in each if f.time == time] for each in (mine, theirs)] for time in (0, 1)]
    differ = [pair for pair in pairs if all(pair)]
    if len(differ) != 1 or any(len(each) != 1 for each in differ[0]):
        return False
    ((number,), (another,)) = differ[0]
    same_unit = number.unit == another.unit or not (number.unit and another.unit)
    return same_unit and (":" in number.key) == (":" in another.key)


def _compared(text: str) -> frozenset[str]:
    return _numberless(text) - words_of(_RULES)


def _numberless(text: str) -> frozenset[str]:
    return frozenset(word for word in words_of(text) if not any(map(str.isdigit, word)))


def _by_word(said: Iterable[Clause]) -> Mapping[str, list[Clause]]:
    found: defaultdict[str, list[Clause]] = defaultdict(list)
    for clause in dict.fromkeys(said):
        for word in clause.words:
            found[word].append(clause)
    return found


def _agrees(clause: Clause, said: Mapping[str, Sequence[Clause]]) -> bool:
    shared = Counter(each for word in clause.words for each in said.get(word, ()))
    most = max(shared.values(), default=0)
    return not shared or any(
        not clause.opposes(each) for each, count in shared.items() if count == most
    )
