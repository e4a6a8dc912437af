"""Which encoding bytes are in that do not say it and are no UTF-8."""

from __future__ import annotations

import codecs
import re
from importlib import import_module
from typing import Any

WESTERN = "cp1252"
_SAMPLE = 1 << 16
_LATIN = [WESTERN, "cp1250", "cp1254", "cp1257"]
_OTHERS = ["cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "tis_620"]
_WIDE = ["cp932", "euc_jp", "gb18030", "big5", "cp949"]
_UTF16 = ["utf_16_le", "utf_16_be"]
# Signs of Western text in cp1252; those that lead the pairs of Shift-JIS are not among them.
_SIGNS = frozenset("“”‘’„–—…•€£§°©®«»·½¼¾²³¹ªº¿¡™±×÷µ‰´\xa0")  # noqa: RUF001
_WORD = re.compile(r"[^\W\d_]+")
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x08]")  # halves of UTF-16's letters, and nothing else in a text
_MOST_CONTROL = 0.01
_FEW = 12  # high bytes: fewer tell nothing of another script
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


def encoding_of(data: bytes) -> tuple[str, bool]:
    """The likely encoding of bytes that are no UTF-8, and whether it is more than a guess.

    Text is taken for cp1252, by far the most common one, unless it is clearly in another: it makes
    sense as that alone. Looks at a bounded part that begins with the first byte over 127.
    """
    sample = _sample(data)
    western = _western(sample)
    if len(_CONTROL.findall(sample)) > _MOST_CONTROL * len(sample):
        names = _UTF16
    elif western or len(_HIGH.findall(sample)) < _FEW:
        names = _LATIN
    else:
        names = [*_LATIN, *_OTHERS, *_WIDE]
    library: Any = import_module("charset_normalizer")
    matches = [
        match
        for match in library.from_bytes(sample, cp_isolation=names, threshold=_MESS)
        if len(_NARROW_KANA.findall(str(match))) * 10 < len(str(match))
    ]
    if not matches:
        return WESTERN, western
    best = max(matches, key=lambda match: (-match.chaos, match.coherence))
    for match in matches:
        as_likely = match.chaos <= best.chaos and match.coherence > best.coherence - _APART
        if as_likely and WESTERN in match.could_be_from_charset:
            return WESTERN, western or match.coherence >= _LIKENESS
    alone = all(
        match.chaos >= best.chaos + _APART or match.coherence <= best.coherence - _APART
        for match in matches
        if match is not best
    )
    # The library knows no likeness to languages that have no alphabet.
    if alone and (best.coherence >= _LIKENESS or best.encoding in (*_WIDE, *_UTF16)):
        return str(best.encoding), False
    return WESTERN, western


def _sample(data: bytes) -> bytes:
    found = _HIGH.search(data)
    start = found.start() & ~1 if found else 0  # UTF-16 has pairs
    sample = data[start : start + _SAMPLE]
    if start + _SAMPLE < len(data) and (plain := _LAST_PLAIN.match(sample)):
        sample = plain[0][: len(plain[0]) & ~1]
    return sample


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
