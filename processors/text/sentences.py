"""Sentences of a text by character offsets: what is embedded, compared and quoted one by one.

Rules, not a model: a stop ends a sentence unless what stands before it (an abbreviation, an
initial, a paragraph number) or after it (a lowercase word) says otherwise. Sentences are not
bounded in length: who needs a bound cuts at words and knows its own budget (`chunk` does).
"""

from __future__ import annotations

import re

from processors.text.structure import Block, blocks

_OPENERS = "\"'([{“‘«„「『（【《*_`~"  # noqa: RUF001 - full-width brackets are meant
# What may stand between a stop and the space after it, footnote marks included.
_CLOSERS = (
    r"(?:[\"')\]}”’»›*_`~」』）】》]|(?:“|[ \u00a0\u202f][»›])(?=\s|\Z))*+"  # noqa: RUF001
    r"(?:\[\^?[\w*†‡§]{1,4}\])*+"
)
_BREAK = re.compile(
    rf"""(?<![.!?…؟।])(?P<stop>[.!?…؟।]++){_CLOSERS}(?=\s|\Z)
      |(?P<wide>[。！？｡]++){_CLOSERS}
      |(?P<line>\r\n|\n|\r)""",  # noqa: RUF001
    re.VERBOSE,
)
_NEXT = re.compile(rf"[\s>]*+[{re.escape(_OPENERS)}]*+(?P<word>[^\W\d_]*+)(?P<after>\S?)")
_NUMBER = re.compile(
    r"\(?(?:[A-Za-z]|\d{1,3}|[ivxl]{1,6}|[IVXL]{1,6})\)?\Z|\d{1,4}(?:\.\d{1,4})+\Z"
)
# A lowercase beginning all the same: `kafka-topics.sh`, maxRetries, x86_64, etc/hosts, `code`.
_IDENTIFIER = re.compile(r".?[a-z]+(?:[A-Z_/\d]|[.-][a-z\d]+[./_-])|`", re.DOTALL)
# What stands before the text of a provision and is nothing without it: "Article 15.", "(b)(ii)".
_LABEL_WORD = r"""(?:(?i:articles?|art|sections?|secs?|rules?|regulations?|clauses?|paragraphs?
    |paras?|parts?|chapters?|chap|ch|annex|schedule|appendix|items?|points?|steps?|questions?|notes?
    |no|nr|artikel|abschnitt|absatz|abs|kapitel|teil|anhang|ziffer|ziff|punkt|schritt|satz|alinéa|al|lit
    |chapitre|annexe|règle|titre|étape)\b\.?\s*|§{1,2}\s*)"""
_LABEL_NUMBER = r"""\(?(?:\d{1,4}[A-Za-z]?(?:[.\-]\d{1,4}[A-Za-z]?)*+|[ivxlc]{1,7}|[IVXLC]{1,7}
    |[A-Za-z])\)?(?:\s?\((?:\d{1,3}|[A-Za-z]{1,4})\))*+"""
_LABEL = re.compile(
    rf"(?P<named>{_LABEL_WORD})?+{_LABEL_NUMBER}(?:,?\s{_LABEL_WORD}{_LABEL_NUMBER}){{0,2}}[:)]?\Z",
    re.VERBOSE,
)
_PARAGRAPH = re.compile(r"\s+\((?:[a-z]|[ivx]{1,5})\)")
_MEASURED = re.compile(r"\d[ \u00a0]?[a-z]\Z")
_LABEL_CHARS = 40
_ORDINAL = re.compile(
    r"\b(?:der|die|das|den|dem|des|zum|zur|am|im|vom|beim|ab|bis|pro|vor|nach|jede[mnrs]?|eine[mnrs]?"
    r"|ihre[mnrs]?|seine[mnrs]?|unsere[mnrs]?|diese[mnrs]?) \d{1,2}\Z",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"[IVXLC]{1,6}\Z|[A-Z]\Z")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]\Z")
_PAIR = re.compile(r"[ \t]*[\w.\-\"]{1,40}[ \t]?[:=][ \t]?\S")
_WORD = re.compile(r"[^\W_]")
_LINE = re.compile(r"[^\r\n]+")
_MARKS = " \t\r\n-*+•‣◦▪>#_" + _OPENERS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER = _words("""
    mr mrs ms dr prof rev hon gen col capt lt sgt sen rep gov messrs st e.g i.e eg ie cf viz vs v al
    resp incl excl approx ca bzw z.b d.h vgl inkl exkl zzgl abzgl ggf evtl gem lt bspw sog einschl
    insb mme mlle mm env c.-à-d p.ex
""")  # never the last word of a sentence
_NUMBERED = _words("""
    no nos nr art arts sec secs sect ch chap para paras p pp vol fig figs eq eqs tab ref refs app
    reg regs cl rn abs ziff s ss ex item pt pts ver v lit ed annex abb kap bd aufl al n°
""")  # no end before a number, a Roman numeral or a single capital letter
_PERHAPS = _words("""
    inc ltd co corp bros plc llc etc jr sr esq dept est min max tel ext assn ave blvd univ intl bldg
    ph.d jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun usw ff mio
    mrd tsd std str jh okt dez janv févr avr juil déc tél st ste
""")  # these end a sentence only before a word that often begins one:
_STARTERS = _words("""
    A After All Also An And Any Are As At Because Before Both But By Can Do Does Each Every Few For
    From He Her His How However I If In Is It Its Many Most No Not Nor On Once Only Or Our Some She
    Since So Such That The Their Then There These They This Those Thus To Under Unless Until Upon We
    What When Where Whether Which While Who Why With Without Yet You Your
    Auch Aber Als Am Auf Bei Beide Bis Da Dann Das Dem Den Der Die Dies Diese Dieser Ein Eine Er Es
    Für Hierfür Ihr Ihre Im Ist Jede Kein Keine Mit Nach Nur Ob Ohne Sie Sind So Sofern Wann Was
    Wenn Wer Wie Wir Wird Wo Zu Zum Zur Aucun Avec Ce Ces Cette Chaque Dans En Elle Il Ils La Le Les
    Lorsque Mais Nous Par Pour Sans Si Sur Tout Toute Un Une Vous
""")
_GERMAN_MONTHS = _words("""
    Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember
""")  # "am 12. Mai" goes on
SHORT_LINE = 45  # characters; a wrapped line is longer, so what follows a shorter one is new


def split_sentences(text: str, *, markdown: bool = True) -> list[tuple[int, int]]:
    """The sentences of `text` as (start, end), in order and without overlap.

    Together they hold every non-space character. A heading, a table row and a line of code are one
    sentence each; so is each list item that has no stop inside. What holds no letter or digit (a
    rule, the row under a table's header, a fence) belongs to the sentence before it.
    """
    spans: list[tuple[int, int]] = []
    for block in blocks(text, markdown=markdown):
        spans.extend(block_sentences(text, block))
    return spans


def block_sentences(text: str, block: Block) -> list[tuple[int, int]]:
    """The sentences of one block, as offsets into `text`."""
    match block.kind:
        case "heading" | "unbroken":
            return [(block.start, block.end)]
        case "code" | "table":
            lines = _LINE.finditer(text, block.start, block.end)
            found = [line.span() for line in lines if not line.group().isspace()]
            fenced = block.kind == "code" and text.startswith(("```", "~~~", "---"), block.start)
            if fenced and len(found) > 1:  # ```python is not a sentence
                found[:2] = [(found[0][0], found[1][1])]
            return _join_wordless(text, [_trim(text, *span) for span in found])
        case _:
            return _join_wordless(text, _prose(text, block.start, block.end))


def _prose(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    first = line = start
    for found in _BREAK.finditer(text, start, end):
        at, after = found.span()
        kind = found.lastgroup
        if kind == "line":
            begin, line = max(line, first), after
            if not _ends_line(text, begin, at, after):
                continue
        elif after < end and kind == "stop" and not _ends(text, first, found):
            continue
        spans.append(_trim(text, first, after))
        first = after
    spans.append(_trim(text, first, end))
    return [span for span in spans if span[0] < span[1]]


def _ends(text: str, first: int, found: re.Match[str]) -> bool:
    """Whether this stop, with space after it, ends the sentence that began at `first`."""
    follows = _NEXT.match(text, found.end())
    assert follows is not None
    word = follows["word"]
    if word and word[0].islower():
        code = _IDENTIFIER.match(text, follows.start("word") - 1)
        if not code and not _PARAGRAPH.match(text, found.end()):
            return False
    if len(found["stop"]) > 3 and not word and follows["after"].isdigit():
        return False  # of a table of contents: "Tolls ........ 12"
    if found["stop"] != ".":
        return True
    at = found.start()
    before = text[max(first, at - 24) : at]
    if not before or before[-1].isspace():
        return True
    if at - first <= _LABEL_CHARS and _LABEL.match(text[first:at].lstrip(_MARKS)):
        return False  # a label that opens the sentence
    token = before.rsplit(None, 1)[-1].lstrip(_OPENERS)
    lower = token.lower()
    if lower in _NEVER:
        return False
    if lower in _NUMBERED and (_ROMAN.match(word) if word else follows["after"].isdigit()):
        return False
    if word and _MEASURED.search(before):  # "25 m. See"
        return True
    if lower in _PERHAPS or _DOTTED.match(token):
        return word in _STARTERS
    if word in _GERMAN_MONTHS and token.isdigit() and len(token) < 3:
        return False
    if word and token.isdigit() and word not in _STARTERS and _ORDINAL.search(before):
        return False  # "zum 3. Quartal"
    if _NUMBER.match(token):  # "8.2.1. The firm": a number that opens the sentence is its label
        return text[first : at - len(token)].strip(_MARKS) != ""
    return True


def _ends_line(text: str, begin: int, at: int, after: int) -> bool:
    """Whether a line break is more than wrapping: a hard break, a short line, a row of pairs."""
    follows = _NEXT.match(text, after)
    assert follows is not None
    word = follows["word"]
    if word[:1].islower():
        return bool(_PAIR.match(text, after) and _PAIR.match(text, begin))
    if at - begin <= _LABEL_CHARS:
        label = _LABEL.match(text[begin:at].strip(_MARKS).rstrip("."))
        if label and label["named"]:
            return False
    if text.endswith(("  ", "\\"), begin, at):  # Markdown's own hard breaks
        return True
    return at - begin < SHORT_LINE and (word != "" or follows["after"].isalnum())


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    stripped = part.lstrip()
    start = end - len(stripped)
    return start, start + len(stripped.rstrip())


def _join_wordless(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not _WORD.search(text, start, end):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
