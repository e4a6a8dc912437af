"""What goes wrong with a call, as one sentence that names the endpoint and the remedy."""

from __future__ import annotations

from typing import Any, cast

import httpx2
import openai

from streams.flow.errors import Retry
from streams.flow.masking import HIDDEN

UNKNOWN_KEY, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
TIMED_OUT, TOO_MANY, SERVER_ERROR = 408, 429, 500
LONGEST_REASON = 300  # characters
# What the client and the code that reads its objects raise on an answer that is none.
JUNK = (AttributeError, IndexError, KeyError, TypeError, ValueError)


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


def refused(error: Exception, where: str, setting: str, key: str) -> Retry:
    """What is raised instead. `setting` begins the names of what the endpoint is told by."""
    if isinstance(error, Retry):
        return error
    if isinstance(error, openai.APIStatusError):
        return _status(error, where, setting, key)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        return Unanswered(f"{where} does not answer: {cause or type(cause).__name__}")
    if isinstance(error, httpx2.HTTPError):
        return CutOff(f"{where} stopped in the middle: {error or type(error).__name__}")
    if isinstance(error, openai.APIError):
        return Retry(f"{where} says: {_hidden(error.message, key)}")
    return Retry(f"{where} gave no answer that can be read: {error!r}"[:LONGEST_REASON])


def _status(error: openai.APIStatusError, where: str, setting: str, key: str) -> Retry:
    status = error.status_code
    reason = _hidden(_reason(error.body), key)
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
    return body[:LONGEST_REASON] if isinstance(body, str) and "<html" not in body.lower() else ""


def _hidden(said: str, key: str) -> str:
    """Some servers say what they were given."""
    return said.replace(key, HIDDEN) if key else said
