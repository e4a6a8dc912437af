"""Noun phrases of a question, by closed lists of the words between them: no parser, microseconds.

What is no preposition, auxiliary, question word or common verb belongs to a phrase; an article
begins one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = word_set("a an the my our your his her their its this that these those each any every")
PREPOSITIONS = word_set("""
    for of on in at to with without from by under over above below between within after before
    during until since per about into through via as against than besides
""")
PLACES = word_set("in at on via through over by from")  # where something is done
ASKING = word_set("what which who whom whose when where why how")
AUXILIARIES = word_set("""
    is are was were be been do does did can could may might must shall should will would has have
    had can't cannot isn't aren't doesn't don't
""")
_BETWEEN = word_set("""
    and or but nor so then if not it they them i we you he she there much many long often soon
    quickly far now today also too again still only just even instead please well more less most
    least else already ever together once while because though although whether up out off down
    same me us
""")
VERBS = word_set("""
    need needs needed apply applies cost costs take takes took taken pay pays paid get gets send
    sent open opens close closes withdraw withdrawn raise allow allows happen happens last lasts
    work works approve approves decide decides start starts begin begins end ends expire expires
    earn earns receive receives use uses used make makes made ask asks submit cancel change
    changes keep keeps kept know tell tells find be exceed exceeds done give given held hold holds
    count counts become becomes mean means go goes went come comes bring brings say says see bear
    bears lose loses reach reaches charge charges charged waive set sign signs write written add
    adds stay put show shows reply replies handle handles renew renews caused cause
    grant grants include includes cover covers provide provides offer offers require requires refuse
    refuses accept accepts permit permits obtain join leave visit rent buy sell dispute appeal
    complain repay borrow protect enter depend stop remain attach collect refund replace recall
    look prove proves restrict reject decline mentioned differ contain contains explain describe
    list run runs find found
    issue issued delivered blocked block freeze settle settled
""")
TIMES = word_set("""
    second seconds minute minutes hour hours day days week weeks month months year years quarter
    quarters night weekend morning evening monday tuesday wednesday thursday friday saturday
    sunday january february march april may june july august september october november december
    christmas easter holiday holidays
""")
PEOPLE = word_set("""
    customer customers client clients person persons people applicant applicants staff bank
    employee employees someone anybody anyone everybody user users company companies business
    businesses member members borrower borrowers renter holder relative relatives adviser advisers
    manager
""")
# What a thing has: asked of one thing after the other.
ATTRIBUTES = word_set("""
    fee fees cost costs price prices rate rates charge charges limit limits minimum maximum
    deadline deadlines notice term terms period rent margin discount balance deposit interest
    cut-off cutoff time times height weight size sizes form forms penalty premium threshold
    code codes cause reason severity owner contact remedy status date amount
    amounts waiting length duration procedure steps documents conditions requirements
    address insurance approval coverage cover summary
""")
_ONES = word_set("one ones")
_ADJECTIVES = word_set("daily weekly monthly quarterly yearly early hourly family")
_TO_BE = word_set("is are was were be")
_BEHIND = word_set("of on is are for in")
# Verbs that are nouns too, where an article stands before.
_NOUNS_TOO = word_set("""
    rent visit block charge charges cost costs change changes recall dispute appeal cover end start
    use work list issue freeze
""")
_ALWAYS = ASKING | word_set("i and or")
_AFTER = PREPOSITIONS | ARTICLES | AUXILIARIES
# Of each line one excludes the others.
OPPOSITES = tuple(
    word_set(line)
    for line in """
        personal private retail business corporate commercial joint youth student foreign
        lost stolen damaged expired defective retained
        small medium large
        low medium high
        lowest highest minimum maximum smallest largest longest shortest
        domestic international abroad instant
        daily weekly monthly quarterly yearly annual
        ordinary complex simple standard express urgent normal emergency
        incoming outgoing
        debit credit charge prepaid
        arranged unarranged
        single whole
        import export
        sole joint
    """.strip().splitlines()
)
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)+|[\w§&+]+(?:[-'’./@][\w&+]+)*%?")  # noqa: RUF001
_IDENTIFIER = re.compile(r"[A-Za-z]+[-/]?(?:[A-Za-z]+-)*\d[\w-]*|\d+")


class Token(NamedTuple):
    """A word and where it stands."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return self.text.lower()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: its article, what stands before its head, and the head."""

    start: int  # of the article, where there is one
    end: int
    article: str
    words: tuple[Token, ...]  # the head last
    preposition: str = ""
    asked: bool = False  # a question word stands before it: "which form"

    @property
    def head(self) -> str:
        return stem(self.words[-1].key)

    @property
    def before(self) -> tuple[Token, ...]:
        return self.words[:-1]

    @property
    def named(self) -> bool:
        return any(is_name(word.text) for word in self.words)

    @property
    def identifier(self) -> str:
        """What kind of identifier is in it, such as `INC-0`; empty: none."""
        return next((found for w in self.words if (found := kind_of_identifier(w.text))), "")

    @property
    def is_time(self) -> bool:
        return self.words[-1].key in TIMES

    @property
    def is_person(self) -> bool:
        return self.words[-1].key in PEOPLE and not self.named

    @property
    def is_attribute(self) -> bool:
        return self.words[-1].key in ATTRIBUTES and not self.named

    @property
    def is_one(self) -> bool:
        return self.words[-1].key in _ONES and len(self.words) > 1

    def text(self, *, article: bool = True) -> str:
        words = " ".join(word.text for word in self.words)
        return f"{self.article} {words}" if article and self.article else words


def tokens(text: str) -> list[Token]:
    return [Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text)]


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Without the ending of a plural."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def is_name(word: str) -> bool:
    return word[0].isupper() or any(each.isdigit() for each in word)


def kind_of_identifier(word: str) -> str:
    return re.sub(r"\d+", "0", word) if _IDENTIFIER.fullmatch(word) and not word.isdigit() else ""


def opposite(word: str, others: Sequence[Token]) -> Token | None:
    """The one among `others` that this word excludes."""
    key = word.lower()
    for line in OPPOSITES:
        if key in line:
            for other in others:
                if other.key in line and other.key != key:
                    return other
    return None


def phrases(question: str) -> list[Phrase]:
    """The noun phrases of a question, in order."""
    return [*_phrases(question, tokens(question))]


def _phrases(question: str, words: Sequence[Token]) -> Iterator[Phrase]:
    run: list[Token] = []
    article: Token | None = None
    preposition = last = ""
    asked = False
    end = 0
    for at, word in enumerate(words):
        key = word.key
        begins = key in ARTICLES
        parted = bool(question[end : word.start].strip(" \u00a0\"'“”()"))
        between = _between(word, begun=article is not None and not run, words=words, at=at)
        if between and run and article is not None and word.key in VERBS:
            between = not _is_noun(article, words, at)
        if run and (parted or begins or between):
            yield _phrase(run, article, preposition, asked)
            run, article, preposition, asked = [], None, "", False
        if between and not begins:
            article, preposition = None, ""
        elif not run:
            preposition = preposition or (last if last in PREPOSITIONS else "")
            asked = article is None and last in ASKING
        if begins:
            article = word
        elif not between:
            run.append(word)
        end, last = word.end, key
    if run:
        yield _phrase(run, article, preposition, asked)


def _between(word: Token, *, begun: bool, words: Sequence[Token], at: int) -> bool:
    """Whether the word stands between phrases; `begun`: an article is right before it."""
    key = word.key
    if is_name(word.text) and at and key not in _ALWAYS:
        return False
    if key in PREPOSITIONS | ASKING | AUXILIARIES | _BETWEEN:
        return True
    if begun:
        return False
    after = words[at + 1].key if at + 1 < len(words) else ""
    if key.endswith("ly") and len(key) > 4 and key not in _ADJECTIVES and "-" not in key:
        return True
    if at and words[at - 1].key == "how":
        return True
    if key.endswith("ed") and len(key) > 4:  # "an account opened in the app"; "is blocked"
        return (
            after in _AFTER
            or not after
            or after.endswith("ly")
            or (at > 0 and words[at - 1].key in ASKING | AUXILIARIES)
        )
    return key in VERBS or (key.endswith("ing") and after in ARTICLES)


def _is_noun(article: Token, words: Sequence[Token], at: int) -> bool:
    """Whether a word that may be a verb ends a phrase: "the yearly rent of", "a card block"."""
    after = words[at + 1].key if at + 1 < len(words) else ""
    first = next(i for i, each in enumerate(words) if each is article)
    before = words[first - 1].key if first else ""
    inverted = before in AUXILIARIES and before not in _TO_BE
    return not inverted and (after in _BEHIND or not after) and words[at].key in _NOUNS_TOO


def _phrase(run: Sequence[Token], article: Token | None, preposition: str, asked: bool) -> Phrase:
    start = run[0].start if article is None else article.start
    said = "" if article is None else article.text
    return Phrase(start, run[-1].end, said, tuple(run), preposition, asked)
