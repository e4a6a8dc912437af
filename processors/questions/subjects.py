"""What a question is about by name: a product, a provision, a year; and what is about the same.

Names are learnt from titles and headings of what was retrieved. "Lime Green Account" is not
"Green Account": a name in the question is a passage's only if it is the whole of it, but for what
kind of thing it is ("Account") and what follows ("Rewards"), where nothing fits better.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from processors.questions.evidence import ASKING

Words = tuple[str, ...]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RUN = re.compile(
    r"[A-Z0-9][\w'’&+]*(?:-[\w'’&+]+)*"  # noqa: RUF001
    r"(?:[ \u00a0](?:of |and |& )?[A-Z0-9][\w'’&+]*(?:-[\w'’&+]+)*)*"  # noqa: RUF001
)
_WORD = re.compile(r"[\w&+]+(?:['’-][\w&+]+)*")  # noqa: RUF001
_YEAR = re.compile(r"(?<![\d.,/-])(?:19|20)\d\d(?![\d,]|[./-]\d\d)")
_BOUND = re.compile(
    r"\b(before|prior to|until|after|since|from)\s+(?:\w+\s+)?((?:19|20)\d\d)\b", re.IGNORECASE
)
_LABEL = re.compile(
    r"\b(article|art\.?|section|sec\.?|clause|paragraph|para\.?|annex|appendix|schedule|chapter"
    r"|part|step|error|code|level|phase|zone|class|list|artikel|absatz|abschnitt)\s+"
    r"(\d+[a-z]?|[A-Z]{1,2})(?![\w-]|[.(]\w)|(§+)\s*(\d+[a-z]?)(?![\w-]|[.(]\w)",
    re.IGNORECASE,
)
_SAME = {"art": "article", "sec": "section", "para": "paragraph", "artikel": "article"}
# What a thing is, not what it is called; what several names of a corpus end in counts too.
_KINDS = _words("""
    account accounts card cards loan loans fund funds plan plans tariff policy policies package
    packages insurance mortgage scheme programme program service services model models product
    products branch office department team form konto karte darlehen fonds compte carte
""")
# They stand in titles, and end a name there.
_TITLES = _words("""
    a about all an and any apply are as at automatic benefits by can complete do does faq faqs
    fees for from general get guide how i if in internal is key limits my new of on or our
    overview rates reach s section staff started terms the this tips to understanding up using vs
    what when where which who why with your you
""")


@dataclass(frozen=True, slots=True)
class Subject:
    """A name in the question, as words in small letters."""

    words: Words
    said: str


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a question names.

    `known` stand in titles or headings; `unknown` are named as products are, and nothing that was
    found has their first word. `years` accepts those of the question.
    """

    known: tuple[Subject, ...] = ()
    unknown: tuple[str, ...] = ()
    labels: tuple[Words, ...] = ()
    years: tuple[tuple[str, int], ...] = ()
    exact: frozenset[Words] = frozenset()  # those of `known` that are whole names somewhere
    names: frozenset[Words] = frozenset()  # all that titles and headings name
    things: frozenset[Words] = frozenset()  # those that a title names with their kind

    def fits(self, own: str, headings: Sequence[str], title: str) -> float:
        """How much of what is named is named there, 0 to 1; 1 where nothing is named.

        `own` is what may be quoted, `headings` those above it, the nearest last. What names
        nothing at all may be about anything: one half.
        """
        if not self.known:
            return 1.0
        return sum(self._fit(each, own, headings, title) for each in self.known) / len(self.known)

    def _fit(self, subject: Subject, own: str, headings: Sequence[str], title: str) -> float:
        whole = subject.words in self.exact
        if _says(own, subject.words, self.names, whole):
            return 1.0
        for text in (*reversed(headings), title):
            if _says(text, subject.words, self.names, whole):
                return 1.0
            if self._other(text):
                return 0.0
        return 0.5

    def _other(self, text: str) -> bool:
        """Whether a title or heading names a thing of its own."""
        named = names_of(text)
        return any(name[-1] in _KINDS and core(name) for name in named) or any(
            core(name) in self.things for name in named
        )

    def wrong_time(self, own: str, headings: Sequence[str], title: str) -> bool:
        """Whether it is of another year than the question's, by the nearest that says one."""
        if not self.years:
            return False
        for text in (own, *reversed(headings), title):
            if years := {int(y) for y in _YEAR.findall(text)}:
                return not all(
                    any(_within(y, how, year) for y in years) for how, year in self.years
                )
        return False

    def labelled(self, own: str, headings: Sequence[str]) -> bool:
        """Whether it stands under the provision that is named; True where none is."""
        return all(label in labels_of("\n".join((own, *headings))) for label in self.labels)


def _within(year: int, how: str, asked: int) -> bool:
    if how in ("before", "prior to", "until"):
        return year < asked or (how == "until" and year == asked)
    if how == "after":
        return year > asked
    return year >= asked if how in ("since", "from") else year == asked


def subjects(question: str, titles: Sequence[str], texts: Collection[str]) -> Subjects:
    """What `question` names, where `titles` (and headings) and `texts` were retrieved for it."""
    names = {name for title in titles for name in names_of(title)}
    cores = {core(name) for name in names} - {()}
    things = {core(name) for name in names if name[-1] in _KINDS} - {()}
    everything = {word for text in (*titles, *texts) for word in words_of(text)}
    known: dict[Words, Subject] = {}
    unknown: list[str] = []
    for said in _runs(question):
        words = core(words_of(said))
        if not words or (said.isupper() and len(words) == 1):
            continue
        if _product(question, said) and words[0] not in everything:
            unknown.append(said)
            continue
        part = next((w for w in _parts(words) if _within_names(w, cores)), None)
        if part is not None and (part == words or part in cores):
            known[part] = Subject(part, said)
    if not known and not unknown:
        lower = words_of(question)
        typed = question == question.lower()  # nobody in a hurry writes capitals
        for words in _parts(lower):
            if any(set(words) & set(each) for each in known) or words not in cores:
                continue
            if words in things or (typed and len(words) > 1):
                known[words] = Subject(words, " ".join(words))
    years = [(how.lower(), int(year)) for how, year in _BOUND.findall(question)]
    bound = {year for _, year in years}
    years += [("in", int(y)) for y in _YEAR.findall(question) if int(y) not in bound]
    return Subjects(
        tuple(known.values()),
        tuple(unknown),
        _labels(question, (*titles, *texts)),
        tuple(years),
        frozenset(words for words in known if words in cores),
        frozenset(cores),
        frozenset(things),
    )


def _labels(question: str, texts: Iterable[str]) -> tuple[Words, ...]:
    """The provisions that are named, where provisions are so called at all."""
    wanted = labels_of(question)
    if not wanted:
        return ()
    kinds = {label[0] for text in texts for label in labels_of(text)}
    return tuple(sorted(label for label in wanted if label[0] in kinds))


def _parts(words: Words) -> Iterator[Words]:
    """What stands together in them, the longest first."""
    for size in range(min(6, len(words)), 0, -1):
        for at in range(len(words) - size + 1):
            yield words[at : at + size]


def _within_names(words: Words, cores: Collection[Words]) -> bool:
    return any(each[: len(words)] == words for each in cores)


def _runs(question: str) -> Iterator[str]:
    """Words with capitals that stand together, but for the first word of a sentence."""
    for found in _RUN.finditer(question):
        said = found[0]
        if _begins(question[: found.start()]):
            first, _, rest = said.partition(" ")
            said = said if rest and first.lower() not in ASKING else rest
        said = said.removesuffix(" I")
        if any(c.isalpha() for c in said) and said != "I":
            yield said


def _product(question: str, said: str) -> bool:
    """Whether it is named as products are: "Teal Blue", "the Cedar account"."""
    words = words_of(said)
    after = words_of(question[question.find(said) + len(said) :])[:1]
    if said.isupper() or any(each.isdigit() for each in said):
        return False  # an acronym; an identifier, which is looked up as such
    return len(words) > 1 or not _KINDS.isdisjoint((*words, *after))


@lru_cache(maxsize=4096)
def names_of(title: str) -> tuple[Words, ...]:
    """The names in a title or heading, as words in small letters."""
    found: list[Words] = []
    for place in _RUN.finditer(title):
        run = place[0]
        after = _NEXT.match(title[place.end() :])  # "Larch loan": its kind may be in small letters
        kind = after[1] if after and after[1] in _KINDS else ""
        name: list[str] = []
        for word in words_of(f"{run} {kind}"):
            ends = word in _TITLES or (word.endswith("ing") and word not in _KINDS)
            if ends:
                if name:
                    found.append(tuple(name))
                name = []
            else:
                name.append(word)
        if name and not (len(name) == 1 and run.isupper()):  # an acronym is no name
            found.append(tuple(name))
    return tuple(found)


@lru_cache(maxsize=16384)
def words_of(text: str) -> Words:
    return tuple(word.lower() for word in _WORD.findall(text.replace("\u2011", "-")))


@lru_cache(maxsize=16384)
def core(name: Words) -> Words:
    """A name without what kind of thing it is at its end."""
    end = len(name)
    while end > 1 and name[end - 1] in _KINDS:
        end -= 1
    return name[:end] if name[:end] and name[0] not in _KINDS | _TITLES else ()


@lru_cache(maxsize=16384)
def _says(text: str, words: Words, names: frozenset[Words], whole: bool) -> bool:
    """Whether the name stands there, and not as a part of a longer one.

    `whole`: it is all of a name, so that what follows it may not be one more word of a name.
    """
    said = r"[\s-]+".join(map(re.escape, words))
    for found in re.finditer(rf"(?<![\w-]){said}(?![\w-])", text, re.IGNORECASE):
        before, after = text[: found.start()], text[found.end() :]
        last = _LAST.search(before)
        if last and _longer((last[1].lower(), *words), names):
            continue
        inside = last and not _begins(before[: last.start()]) and last[1].lower() not in _TITLES
        if last and inside and _capital(last[1]):
            continue  # "the Business Gold": a name that no title has
        follows = _NEXT.match(after)
        if (
            whole
            and follows
            and follows[1].lower() not in _KINDS
            and _longer((*words, follows[1].lower()), names)
        ):
            continue
        return True
    return False


_LAST = re.compile(r"([\w][\w'’-]*)[ \u00a0]\Z")  # noqa: RUF001
_NEXT = re.compile(r"[ \u00a0]([\w][\w'’-]*)")  # noqa: RUF001


def _capital(word: str) -> bool:
    return word[0].isupper() and not word.isupper() and not word.endswith("ing")


def _longer(words: Words, names: frozenset[Words]) -> bool:
    return any(name[: len(words)] == words for name in names)


def _begins(before: str) -> bool:
    before = before.rstrip()
    return not before or before[-1] in ".!?:—–|*#>(\n"  # noqa: RUF001


@lru_cache(maxsize=8192)
def labels_of(text: str) -> frozenset[Words]:
    """Provisions that are named: ("article", "15")."""
    found: set[Words] = set()
    for each in _LABEL.finditer(text):
        kind, number, sign, figure = (part or "" for part in each.groups())
        if sign:
            found.add(("§", figure.lower()))
        elif number[0].isdigit() or number.isupper():
            name = kind.lower().rstrip(".")
            found.add((_SAME.get(name, name), number.lower().rstrip(".")))
    return frozenset(found)
