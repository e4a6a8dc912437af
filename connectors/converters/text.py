"""Bytes to text, whatever wrote them."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from connectors.converters.errors import Unreadable

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
_UNDEFINED = "\x81\x8d\x8f\x90\x9d"  # bytes that cp1252 does not define


class Text(NamedTuple):
    """Decoded text; `encoding` is empty where it is plain UTF-8."""

    text: str
    encoding: str = ""


def decode(data: bytes, *, declared: bool = False) -> Text:
    """The text in `data`: by its byte order mark, as UTF-8, as it declares, or as cp1252.

    With `declared`, a charset that the first bytes name is believed if it is no UTF-8.

    Raises:
        Unreadable: it is not text in any of these.
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
    except UnicodeDecodeError:
        pass
    if declared and (found := _DECLARED.search(data[:_SAMPLE])):
        name = found[1].decode("ascii")
        try:
            return Text(_checked(data.decode(name)), codecs.lookup(name).name)
        except (LookupError, UnicodeError):
            pass  # a name that is none, or a lie
    text = data.decode("cp1252", "surrogateescape")
    if re.search("[\udc80-\udcff]", text):
        text = re.sub("[\udc80-\udcff]", "\ufffd", text)
        return Text(_checked(text), "cp1252 with bytes that it does not define")
    return Text(_checked(text), "cp1252")


def _unmarked_utf16(data: bytes) -> Text | None:
    """UTF-16 without a mark, told by the NULs of its Latin letters."""
    sample = data[:_SAMPLE]
    if len(sample) < 4 or len(data) % 2:
        return None
    for encoding, nul, letter in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if sample[nul::2].count(0) > len(sample) // 4 and not sample[letter::2].count(0):
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
