"""A policy compiled once, in process, and asked many times."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, cast

from regopy import Interpreter  # pyright: ignore[reportMissingTypeStubs]
from regopy.rego_shared import (  # pyright: ignore[reportMissingTypeStubs]
    LogLevel,
    RegoError,
)

from connectors.rego.source import Source, UnusableError
from processors.guard.decision import ASKS, Ask, Decision, decision

PACKAGE = "rag/authz"
_SPELLED = re.compile(r'["\\\x00-\x1f]')  # what JSON spells otherwise than it is
_SHOWN = 300  # characters of what the compiler says


class Compiled:
    """One version of the policy. Safe to call from several threads, one at a time.

    Raises:
        UnusableError: it does not compile, or lacks one of the rules that are asked.
    """

    def __init__(self, source: Source) -> None:
        self.mark = source.mark
        self._lock = threading.Lock()
        # The engine's types are unknown to the checker.
        self._engine: Any = Interpreter()
        self._engine.log_level = LogLevel.NONE  # it would write to standard output
        try:
            for name, module in source.modules.items():
                self._engine.add_module(name, module)
            self._engine.add_data(source.data)
            self._bundle: Any = self._engine.build(None, [f"{PACKAGE}/{ask}" for ask in ASKS])
            compiled = self._bundle.ok()
        except (RegoError, ValueError, TypeError) as error:
            raise UnusableError(f"the policy does not compile: {said(error)}") from None
        if not compiled:
            raise UnusableError("the policy does not compile")

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        """What this version decides. An error of the engine refuses."""
        return decision(self.answer(ask, about), self.mark)

    def answer(self, ask: Ask, about: Mapping[str, object]) -> object:
        """The rule's value; None where it has none."""
        with self._lock:
            try:
                self._engine.set_input(escaped({**about}))
                results = self._engine.query_bundle_entrypoint(
                    self._bundle, f"{PACKAGE}/{ask}"
                ).results
            except (RegoError, ValueError, TypeError):
                return None
        found = cast("list[Any]", results[0].expressions) if results else []
        return found[0] if found else None


def escaped(value: Any) -> Any:
    """What the engine has to be given, so that strings come back as they are.

    It holds strings as JSON spells them and writes them so, but takes an input as it is: a quote
    in a user's name would end the string, and what follows would be part of the decision.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)[1:-1] if _SPELLED.search(value) else value
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {escaped(name): escaped(each) for name, each in held.items()}
    if isinstance(value, list):
        return [escaped(each) for each in cast("list[Any]", value)]
    return value


def said(error: BaseException) -> str:
    """The compiler's own words, in a line."""
    message = str(error.args[0] if error.args else error)
    words = [part for line in message.splitlines() if (part := _message(line))]
    return ("; ".join(dict.fromkeys(words)) or " ".join(message.split()))[:_SHOWN]


def _message(line: str) -> str:
    """`(errormsg 18:Invalid collection)` as the words in it."""
    _, mark, rest = line.partition("(errormsg ")
    return rest.partition(":")[2].rstrip(") ") if mark else ""
