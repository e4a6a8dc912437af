"""Right-to-left lines of a PDF: from the order in which they are seen to that in which one reads.

A PDF places glyphs. Read from left to right they give a Hebrew or Arabic line backwards, but for
its numbers and foreign words. What order those had among each other is not always to be told from
how they look; this takes a number and a foreign word beside it for two things.
"""

from __future__ import annotations

import re
import unicodedata

_DIGIT = r"\d\u0660-\u0669\u06f0-\u06f9"
_RIGHT = r"\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefe"
_LEFT = r"A-Za-z\u00aa-\u02af\u0370-\u052f"
_HAS_RIGHT = re.compile(f"[{_RIGHT}]")
_HAS_LEFT = re.compile(f"[{_LEFT}]")
_SIGN = "[%€$£]?"
_NUMBER = rf"{_SIGN}[{_DIGIT}](?:[^\s{_RIGHT}{_LEFT}]*[{_DIGIT}])?{_SIGN}"
_WORD = rf"[{_LEFT}{_DIGIT}]*[{_LEFT}](?:[^\s{_RIGHT}]*[{_LEFT}{_DIGIT}])?"
_LEFT_TO_RIGHT = re.compile(rf"{_WORD}(?:\s+{_WORD})*|{_NUMBER}")
_RIGHT_TO_LEFT = re.compile(f"[{_RIGHT}](?:[^{_LEFT}{_DIGIT}]*[{_RIGHT}])?")
_FORMS = re.compile(r"[\ufb1d-\ufdff\ufe70-\ufefe]+")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def has_right_to_left(text: str) -> bool:
    return _HAS_RIGHT.search(text) is not None


def as_read(seen: str) -> str:
    """A line as one reads it, from its characters as they stand from left to right.

    Letters that are written in the form they have at a place are made the letters they are.
    """
    if len(_HAS_RIGHT.findall(seen)) < len(_HAS_LEFT.findall(seen)):
        read = _RIGHT_TO_LEFT.sub(lambda found: _backwards(found[0]), seen)
    else:
        read = _LEFT_TO_RIGHT.sub(lambda found: _backwards(found[0]), _backwards(seen))
    return _FORMS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), read)


def _backwards(text: str) -> str:
    return text[::-1].translate(_MIRRORED)
