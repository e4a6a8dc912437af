"""What goes wrong with a call, as one sentence that names the endpoint and the remedy."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import httpx2
import openai

from streams.flow.errors import Retry
from streams.flow.masking import HIDDEN, masked

UNKNOWN_KEY, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
TIMED_OUT, TOO_MANY, SERVER_ERROR = 408, 429, 500
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"  # as OpenSSL says it
LONGEST_REASON = 300  # characters
# What the client and the code that reads its objects raise on an answer that is none.
JUNK = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)


class Unanswered(Retry):
    """It takes too long, or says itself that it cannot answer now."""


class Misled(Unanswered):
    """It refuses everybody who asks like this: the settings are wrong."""


class CutOff(Unanswered):
    """It stopped in the middle of an answer."""


def may_heal(error: BaseException) -> bool:
    """Whether the same call may be answered a moment later."""
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        return status in (TIMED_OUT, CONFLICT, TOO_MANY) or status >= SERVER_ERROR
    return isinstance(error, openai.APIConnectionError | httpx2.HTTPError | CutOff)


def secrets_of(url: str, key: str) -> tuple[str, ...]:
    """What no message may repeat: the key, and what lets in by a URL, as it goes over the wire."""
    try:
        said = urlsplit(url)
    except ValueError:
        return (key,) * bool(key)
    written = [said.username or "", said.password or ""]
    name, password = map(unquote, written)
    basic = b64encode(f"{name}:{password}".encode()).decode() if name or password else ""
    own = (key, basic, password, written[1]) if password else (key, basic, name, written[0])
    return tuple(each for each in own if each)


def refused(error: Exception, where: str, setting: str, secrets: Sequence[str]) -> Retry:
    """What is raised instead. `setting` begins the names of what the endpoint is told by.

    What stands in `secrets` is not in it.
    """
    if isinstance(error, Retry):
        return error
    if isinstance(error, openai.APIStatusError):
        return _status(error, where, setting, secrets)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        said = hidden(str(cause), secrets) or type(cause).__name__
        if UNTRUSTED in said:
            return Misled(f"{where} has a certificate of no use: {said} (check {setting}__CA_FILE)")
        return Unanswered(f"{where} does not answer: {said}")
    if isinstance(error, httpx2.HTTPError):
        said = hidden(str(error), secrets) or type(error).__name__
        return CutOff(f"{where} stopped in the middle: {said}")
    if isinstance(error, openai.APIError):
        return Retry(f"{where} says: {hidden(error.message, secrets)}")
    return Retry(f"{where} gave no answer that can be read: {hidden(repr(error), secrets)}")


def _status(
    error: openai.APIStatusError, where: str, setting: str, secrets: Sequence[str]
) -> Retry:
    status = error.status_code
    reason = hidden(_reason(error.body), secrets)
    said = f"{where} says {status}" + (f": {reason}" if reason else "")
    if status in (UNKNOWN_KEY, FORBIDDEN):
        return Misled(f"{said} (check {setting}__KEY or {setting}__KEY_FILE)")
    if status == NOT_FOUND:
        return Misled(f"{said} (check {setting}__MODEL and {setting}__URL)")
    return Unanswered(said) if may_heal(error) else Retry(said)


def _reason(body: object) -> str:
    """Why a server refuses, where it says so as OpenAI's does."""
    if isinstance(body, dict):
        found = cast("dict[str, Any]", body)
        body = found.get("error") or found.get("message")
    if isinstance(body, dict):
        body = cast("dict[str, Any]", body).get("message")
    return body if isinstance(body, str) and "<html" not in body.lower() else ""


def hidden(said: str, secrets: Sequence[str]) -> str:
    """The beginning of what a server says: some repeat what they were given, its headers too."""
    for each in sorted(secrets, key=len, reverse=True):  # one may be part of another
        said = said.replace(each, HIDDEN)
    return masked(said)[:LONGEST_REASON]
