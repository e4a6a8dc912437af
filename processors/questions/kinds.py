"""What kind of answer a question wants: the steps of a procedure, a list, or one statement."""

from __future__ import annotations

import re

from processors.text.orders import is_order

_STEPS = re.compile(
    r"\bhow (?:do|can|could|would|should|must|may|does|to|is|are|shall)\b"
    r"(?! (?:much|many|long|often|old|far|soon|fast))"
    r"|\bsteps?\b|\bprocedure\b|\bin (?:what|which) order\b|\bwalk me\b|\bthings? to do\b"
    r"|\bwhat (?:must|do|should|can) (?:i|we|you|one|an? \w+) do\b|\bwie (?:kann|muss|soll|wird)\b",
    re.IGNORECASE,
)
# "which papers", "what are the conditions", "what kinds of": a plural after the question word.
_LIST = re.compile(
    r"\b(?:which|what|welche)(?: (?:are|were|sind))?(?: (?:the|all|other|kinds?|types?|sorts?|of))*"
    r" (?:(?!(?:do|did|can|could|may|might|must|shall|should|will|would|have|had)\b)[\w-]+ )?"
    r"(?!(?:is|was|does|has|business|fees|status|address|process|access|bonus|basis"
    r"|class|loss|this|less|express)\b)[\w-]{3,}s\b(?! (?:is|was|does|has)\b)"
    r"|\b(?:list|name|tell me) (?:all|the|every)\b|\bwhat (?:all )?do (?:i|we|you) need\b"
    r"|\bwhat (?:must|do|should|does) (?:[\w-]+ ){1,3}"
    r"(?:hand in|provide|bring|submit|need|have ready)\b"
    r"|\bwhat must be\b|\bwhat (?:is|are) (?:covered|included|excluded|needed|required)\b"
    r"|\bwhat details\b",
    re.IGNORECASE,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Two things of one kind that exclude each other: what speaks of one is not of the other.
_APART = [
    tuple(each.split("/"))
    for each in sorted(
        _words("""
    checking/savings credit/debit personal/business incoming/outgoing domestic/international
    domestic/foreign retail/corporate deposit/withdrawal card/account buy/sell primary/secondary
    minimum/maximum lowest/highest weekday/weekend
""")
    )
]


_TIME = re.compile(
    r"\bhow (?:long|soon|often|quickly|fast|late|early)\b|\bwhen\b"
    r"|\b(?:until|by|at) (?:what|which) time\b"
    r"|\bhow many (?:seconds|minutes|hours|days|weeks|months|years)\b|\bwie (?:lange|oft|schnell)\b"
    r"|\bwann\b",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"\b(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|each|every|per|next|same)"
    r"[\s-]*(?:(?:business|calendar|working|full|consecutive)[\s-]+)?"
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|quarters?|nights?"
    r"|stunden?|tage?n?|wochen?|monate?n?|jahre?n?)\b"
    r"|\b(?:daily|weekly|monthly|hourly|yearly|annually|quarterly|immediately|instantly|at once"
    r"|overnight|always|never|anytime|noon|midnight|today|tomorrow)\b"
    r"|\d{1,2}[:.h]\d\d|\b\d{1,2} ?[ap]\.?m\b"
    r"|24/7|\b(?:19|20)\d\d\b|\b(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
    r"|\b(?:once|after|before|when|while|until|as soon)\b",
    re.IGNORECASE,
)
# How one does something is an order, or says who may or by which means.
_DOING = re.compile(
    r"\bhow (?:do|can|could|should|must|may|would) (?:i|we|you|one|an?|the|someone|staff|customers?"
    r"|members?)\b(?! (?:\w+ )?(?:know|find out|tell)\b)",
    re.IGNORECASE,
)
_MEANS = re.compile(
    r"\b(?:can|could|may|must|should|shall|need\w*|have to|has to|by|through|via|using|use[sd]?"
    r"|with|you|your|online|app|please|simply|requir\w+|allow\w*|let|step\w*|request\w*|contact\w*"
    r"|appl(?:y|ies|ied)|sen[dt]|submit\w*|kann|muss|durch|per|mit)\b",
    re.IGNORECASE,
)
# How often is a rate, how long is a span; "once it is signed" is neither.
_OFTEN = re.compile(r"\bhow (?:often|frequently)\b|\bwie oft\b", re.IGNORECASE)
_RATE = re.compile(
    r"\b(?:every|each|per|daily|weekly|monthly|hourly|yearly|annual\w*|quarterly|once|twice|times"
    r"|continuous\w*|constantly|real[ -]time|always|never|minutely|jede[nrs]?|täglich|wöchentlich"
    r"|monatlich|jährlich|pro|einmal|zweimal|mal)\b",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\bhow (?:long|soon|quickly|fast)\b"
    r"|\bhow many (?:seconds|minutes|hours|days|weeks|months|years)\b|\bwie lange\b",
    re.IGNORECASE,
)
_NO_SPAN = re.compile(r"(?:once|after|before|when|while|until|as soon)\Z", re.IGNORECASE)
_SHARE = re.compile(
    r"\b(?:what|which) (?:share|percentage|proportion|percent|fraction)\b|\bwelcher anteil\b"
    r"|\bhow many percent\b",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"%|\bper ?cent|\bprozent\b|\bbasis points?\b|\b(?:half|third|quarter|fifth|tenth|all|none)\b"
    r"|\d/\d|\b(?:one|two|three|\d+) (?:in|of|out of) (?:\w+|\d+)\b",
    re.IGNORECASE,
)
# What one must have is a bound, not just any number.
_NEEDED = re.compile(
    r"\b(?:how (?:much|many)|what) [^.?!]*\b(?:must|have to|need(?:s|ed)?|required|at least"
    r"|minimum|smallest|lowest)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"\b(?:at least|minimum|mindestens|require\w*|must|need\w*|or (?:more|above|higher|over)"
    r"|no less|not less|above|threshold|maintain\w*|keep\w*|from|starting|begin\w*|within|reach\w*"
    r"|lowest|smallest|necessary|have to|has to|shall)\b|≥|>",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\bhow (?:much|many)\b|\bwhat (?:do|does|must|will|can|would|did|is|are) (?:[\w'-]+ ){0,6}"
    r"(?:pay|cost|charge|charged|earn|spend|take|owe|add|fee|price|rate|apr|apy|limit|amount|number"
    r"|share|percentage|percent|minimum|maximum|balance|interest|deposit|worth)\b"
    r"|\bwhat (?:fee|price|rate|interest|share|percentage|amount|cost|charge|bonus|discount)\b"
    r"|\bwhat ap[ry]\b"
    r"|\b(?:price|cost) (?:of|for)\b|\bby how much\b|\bfees?\Z|\bwieviel|\bwie (?:viel|hoch)\b",
    re.IGNORECASE,
)
# What must be left somewhere is a bound too, whatever it is called.
_LEFT = re.compile(
    r"\b(?:what|how much|how many)\b[^.?!]*\b(?:have to|must|need to|should)\b[^.?!]*"
    r"\b(?:leave|keep|hold|maintain|have|deposit|spend)\b",
    re.IGNORECASE,
)
# A price is no time, and no discount.
_PRICE = re.compile(
    r"\b(?:what|which|how much|how high)\b[^.?!]*\b(?:fee|price|cost|charge)s?\b"
    r"|\bhow much (?:is|are)\b",
    re.IGNORECASE,
)
_NO_PRICE = re.compile(
    r"\b(?:\d+\+?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|first|second)[\s-]+"
    r"(?:(?:business|calendar|working)[\s-]+)?(?:second|minute|hour|day|week|month|year)s?\b"
    r"|\d[\d.,]*\s?(?:%|per ?cent) (?:\w+ )?(?:discount|reduction|rebate|off)\b"
    r"|\b(?:discount|reduction|rebate)[^.;]{0,12}\d[\d.,]*\s?(?:%|per ?cent)",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"\b(?:requirements?|criteria|process|procedures?|measures?|steps|factors?|considerations?"
    r"|consequences?|implications?|expectations?|expected?|standards?|conditions?|circumstances"
    r"|obligations?|responsibilit(?:y|ies)|guidelines?|guidance|strateg(?:y|ies)|mechanisms?"
    r"|arrangements?|elements?|components?|aspects?|details?|information|actions?|polic(?:y|ies)"
    r"|roles?|approach|frameworks?|tools?|method\w*|documentation|qualifications?|benchmarks?"
    r"|grounds|impact|differences?|purpose|types?|kinds?)\b"
    r"|\bhow (?:does|do|did|should|might|could|can|is|are|would|must|will|has|have)\b",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\b(?:clarif\w+|elaborat\w+|insights?|case stud(?:y|ies)|best practices?|checklists?)\b"
    r"|\b(?:further|more|additional|detailed|specific) (?:guidance|details?|information|examples?"
    r"|explanations?|criteria)\b"
    r"|\b(?:provide|give|share|offer)\b(?: \w+){0,3} (?:guidance|examples?|criteria|scenarios?)\b",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"(?<!for )\b(?:examples?|case stud(?:y|ies)|scenarios?|beispiele?)\b",
    re.IGNORECASE,
)
_ILLUSTRATED = re.compile(
    r"\b(?:examples?|for instance|e\.? ?g|such as|includ(?:es?|ing)|case|scenario|suppose|imagine"
    r"|beispiel\w*)\b|z\. ?B\.",
    re.IGNORECASE,
)
_LAST = re.compile(r"(?<=[.!:,;])\s+")
_WHETHER = re.compile(
    r"\W*(?:and |so |but |then )?(?:can|could|may|might|must|do|does|did|is|are|am|was|were|will"
    r"|would|should|shall|has|have|had|darf|kann|muss|ist|sind|gibt|hat|haben|wird|werden)"
    r"(?:n['’]t)?\b",  # noqa: RUF001
    re.IGNORECASE,
)
_DEFINED = re.compile(r"\W*what are (?!the\b|all\b)(?:[\w-]+ ?){1,3}\??\W*\Z", re.IGNORECASE)
_NUMBER = re.compile(
    r"\d|\b(?:no|none|free|unlimited|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|half|twice|double|zero|waived|kein\w*)\b",
    re.IGNORECASE,
)


_DENIES = re.compile(
    r"\b(?:which|who|what|whose)\b[^,?]*\b(?:do|does|did|is|are|was|were|can|may|must|will|has|have)"
    r"(?: not\b|n['’]t\b)",  # noqa: RUF001
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|no|never|none|without|cannot|except|excluded?|prohibited|forbidden|declined|kein\w*"
    r"|nicht)\b|n['’]t\b",  # noqa: RUF001
    re.IGNORECASE,
)


def of_its_kind(question: str, text: str, above: str = "") -> bool:
    """Whether `text`, under `above`, has what is asked for: a time, a share, a bound, a denial."""
    if _DENIES.search(question) and not _DENIED.search(text):
        return False
    if _EXAMPLE.search(question) and not _ILLUSTRATED.search(f"{above} {text}"):
        return False
    if _DOING.search(question) and not (is_order(text) or _MEANS.search(text)):
        return False
    if _OFTEN.search(question):
        return _RATE.search(text) is not None
    if _LONG.search(question):
        return any(not _NO_SPAN.match(found[0]) for found in _SPAN.finditer(text))
    if _TIME.search(question):
        return _SPAN.search(text) is not None
    if _SHARE.search(question):
        return _PARTS.search(text) is not None
    if _LEFT.search(question) and not _BOUND.search(f"{above} {text}"):
        return False
    if _AMOUNT.search(question) is None:
        return True
    if _PRICE.search(question):
        text = _NO_PRICE.sub("", text)
    bound = _NEEDED.search(question) is None or _BOUND.search(f"{above} {text}") is not None
    return bound and _NUMBER.search(text) is not None


def asks_whether(question: str) -> bool:
    """Whether yes or no is an answer."""
    return _WHETHER.match(_LAST.split(question.strip())[-1]) is not None


def wants_more(question: str) -> bool:
    """Whether it asks to be told more than is written: to explain, to give guidance, cases."""
    return _MORE.search(question) is not None


def wants_account(question: str) -> bool:
    """Whether what is asked for mostly takes more than a sentence: how, which requirements."""
    return _ACCOUNT.search(question) is not None


def wants_steps(question: str) -> bool:
    return _STEPS.search(question) is not None


def wants_list(question: str) -> bool:
    return _LIST.search(question) is not None and _DEFINED.match(question) is None


def lists_things(question: str) -> bool:
    """Whether a list is wanted, and no amount."""
    return wants_list(question) and _AMOUNT.search(question) is None


def apart(question: str, where: str) -> int:
    """How many words of the question stand against their opposite in `where`, and not by it."""
    asked, there = question.lower(), where.lower()
    return sum(
        _has(one, asked) and not _has(other, asked) and _has(other, there) and not _has(one, there)
        for pair in _APART
        for one, other in (pair, pair[::-1])
    )


def _has(word: str, text: str) -> bool:
    return re.search(rf"\b{word}s?\b", text) is not None
