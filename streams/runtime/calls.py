"""What models and indexes are asked while records are worked on, for the spans of these records."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

Value = str | int | float
"""Of an attribute."""


@dataclass(slots=True)
class Call:
    """One call, as OpenTelemetry's conventions for generative AI name it.

    `target` is the model that was asked, or the index that was searched.
    """

    operation: str
    target: str
    provider: str = ""
    begun: int = field(default_factory=time.time_ns)  # nanoseconds since the epoch
    ended: int = 0
    failed: str = ""  # the class of its error
    attributes: dict[str, Value] = field(default_factory=dict[str, Value])


_NOTED: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def noted() -> Generator[list[Call]]:
    """The calls that this thread makes meanwhile."""
    calls: list[Call] = []
    token = _NOTED.set(calls)
    try:
        yield calls
    finally:
        _NOTED.reset(token)


@contextmanager
def calling(operation: str, target: str, provider: str = "") -> Generator[dict[str, Value]]:
    """Note a call, where calls are noted; gives its attributes, to add to."""
    calls = _NOTED.get()
    call = Call(operation, target, provider)
    try:
        yield call.attributes
    except Exception as failure:
        call.failed = type(failure).__name__
        raise
    finally:
        if calls is not None:
            call.ended = time.time_ns()
            calls.append(call)
