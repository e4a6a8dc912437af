"""Bytes to text, whatever wrote them."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from connectors.converters.errors import Unreadable
from connectors.converters.guess import encoding_of, mostly_utf8
from connectors.converters.made import some

_MARKS = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""")
_SAMPLE = 4096
# What no text holds; of a file that has many of them, no encoding makes text.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 0.01
_MOST_UNKNOWN = 0.1  # of the bytes: more, and the rest of them makes no text


class Text(NamedTuple):
    """Decoded text; `encoding` is empty where it is plain UTF-8, `unread` names what is lost."""

    text: str
    encoding: str = ""
    unread: tuple[str, ...] = ()


def decode(data: bytes, *, declared: bool = False) -> Text:
    """The text in `data`: by its byte order mark, as UTF-8, as it declares, or by a guess.

    With `declared`, a charset that the first bytes name is believed if it is no UTF-8.

    Raises:
        Unreadable: it is not text in any of these, or which of them it is cannot be told.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                text = data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise Unreadable(
                    "damaged", f"is marked as {encoding}, but byte {error.start} cannot be read"
                ) from None
            return Text(_checked(text), "" if encoding == "utf-8" else encoding)
    try:
        return _unmarked_utf16(data) or Text(_checked(data.decode()))
    except UnicodeDecodeError as error:
        wrong = error.start
    if declared and (found := _DECLARED.search(data[:_SAMPLE])):
        name = found[1].decode("ascii")
        try:
            return Text(_checked(data.decode(name)), codecs.lookup(name).name)
        except (LookupError, UnicodeError):
            pass  # a name that is none, or a lie
    if mostly_utf8(data, wrong):
        text, lost = _replaced(data, "utf-8")
        return Text(_checked(text), "", (f"{some(lost, 'place is', 'places are')} not UTF-8",))
    return _guessed(data)


def _guessed(data: bytes) -> Text:
    encoding, known = encoding_of(data)
    text, lost = _replaced(data, encoding)
    text = _checked(text)
    if known:
        return Text(text, f"{encoding}{' with bytes that it does not define' * (lost > 0)}")
    if lost > _MOST_UNKNOWN * len(data):
        raise Unreadable("encoding", "is in an encoding that is not known: save it as UTF-8")
    unread = [f"the encoding is a guess, {encoding}: save it as UTF-8 if words look wrong"]
    if lost:
        unread.append(f"{some(lost, 'place is', 'places are')} not {encoding}")
    return Text(text, encoding, tuple(unread))


def _replaced(data: bytes, encoding: str) -> tuple[str, int]:
    """The text, and how many places of it could not be read."""
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd")
    return text, lost - data.count(b"\xef\xbf\xbd") if encoding == "utf-8" else lost


def _unmarked_utf16(data: bytes) -> Text | None:
    """UTF-16 without a mark, told by the high bytes of its letters in all but the Far East.

    They are 0 to 6 and stand in every other place; no other text has such bytes.
    """
    sample = data[:_SAMPLE]
    if len(sample) < 4 or len(data) % 2:
        return None
    for encoding, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        highs, lows = (sum(byte < 7 for byte in sample[at::2]) for at in (high, low))
        if highs > len(sample) // 4 and not lows:
            try:
                return Text(_checked(data.decode(encoding)), encoding)
            except UnicodeDecodeError:
                return None
    return None


def _checked(text: str) -> str:
    sample = text[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > _MOST_CONTROL * len(sample):
        raise Unreadable("damaged", "is not text: it is full of control characters")
    return text.replace("\0", "\ufffd")
