"""Which encoding bytes are in that do not say it and are no UTF-8."""

from __future__ import annotations

import codecs
import re
from importlib import import_module
from typing import Any

WESTERN = "cp1252"
_SAMPLE = 1 << 16
_LATIN = [WESTERN, "cp1250", "cp1254", "cp1257"]
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "tis_620"]
_WIDE = ["cp932", "euc_jp", "gb18030", "big5", "cp949", "utf_16_le", "utf_16_be"]
# Signs of Western text in cp1252; those that lead the pairs of Shift-JIS are not among them.
_SIGNS = frozenset("“”‘’„–—…•€£§°©®«»·½¼¾²³¹ªº¿¡™±×÷µ‰´\xa0")  # noqa: RUF001
_WORD = re.compile(r"[^\W\d_]+")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile("[\x80-\uffff]{3}")
_LAST_PLAIN = re.compile(rb".*[\x00-\x2f]", re.DOTALL)  # bytes that are no second half of a letter
_NARROW_KANA = re.compile("[\uff61-\uff9f]")  # what other scripts give, read as Shift-JIS
_MOSTLY = 0.75
# Of the library's two measures, disorder (0 is none) and likeness to a language (1 is full).
_MESS = 0.1
_LIKENESS = 0.3
_APART = 0.04


def mostly_utf8(data: bytes, error: int) -> bool:
    """Whether bytes around the one at `error` are UTF-8 but for few."""
    window = data[max(0, error - _SAMPLE // 2) : error + _SAMPLE // 2]
    if error > _SAMPLE // 2:
        window = window.lstrip(bytes(range(0x80, 0xC0)))  # the rest of a character
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(window)
    bad = sum("\udc80" <= letter <= "\udcff" for letter in text)
    return sum(letter > "\x7f" for letter in text) >= 3 * max(bad, 1)


def encoding_of(data: bytes) -> str | None:
    """The likely encoding of bytes that are no UTF-8; None where several are as likely, or none.

    Western text is taken for cp1252 unless its words are clearly of another language. Looks at a
    bounded part that begins with the first byte over 127.
    """
    found = _HIGH.search(data)
    start = found.start() & ~1 if found else 0  # UTF-16 has pairs
    sample = data[start : start + _SAMPLE]
    if start + _SAMPLE < len(data) and (plain := _LAST_PLAIN.match(sample)):
        sample = plain[0][: len(plain[0]) & ~1]
    western = _western(sample)
    names = _LATIN if western else [*_LATIN, *_OTHERS, *_WIDE]
    library: Any = import_module("charset_normalizer")
    matches = [
        match
        for match in library.from_bytes(sample, cp_isolation=names, threshold=_MESS)
        if len(_NARROW_KANA.findall(str(match))) * 10 < len(str(match))
    ]
    if western and not matches:
        return WESTERN
    if not matches:
        return None
    best = max(matches, key=lambda match: (-match.chaos, match.coherence))
    for match in matches:
        as_likely = match.chaos <= best.chaos and match.coherence > best.coherence - _APART
        if as_likely and WESTERN in match.could_be_from_charset:
            return WESTERN if western or match.coherence >= _LIKENESS else None
    rest = [match for match in matches if match is not best]
    alone = all(
        match.chaos >= best.chaos + _APART or match.coherence <= best.coherence - _APART
        for match in rest
    )
    if alone and (best.coherence >= _LIKENESS or best.encoding in _WIDE):
        return str(best.encoding)
    return WESTERN if western else None


def _western(sample: bytes) -> bool:
    """Whether, as cp1252, it has the signs of Western text, and its letters within ASCII words."""
    text = sample.decode(WESTERN, "replace")
    high = [letter for letter in text if letter > "\x7f" or letter < "\t"]
    usual = sum(letter in _SIGNS for letter in high)
    for word in _WORD.findall(text):
        count = sum(letter > "\x7f" and letter not in _SIGNS for letter in word)
        if count == 1 or (count < len(word) and not _HIGH_RUN.search(word)):
            usual += count
    return bool(high) and usual >= _MOSTLY * len(high)
