"""A language model behind an OpenAI-compatible endpoint (`/chat/completions`)."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from connectors.breaker import Breaker
from connectors.line import Line, Lines
from processors.ports import Completion
from streams.flow.errors import Retry
from streams.flow.masking import HIDDEN, masked
from streams.flow.port import Watch, unwatched

OK, TOO_MANY, SERVER_ERROR = 200, 429, 500
FAILURES = 3  # in a row without an answer, after which it is not asked for AWAY_S
AWAY_S = 10.0
LARGEST = 1024 * 1024  # bytes of an answer that is read
LONGEST_REASON = 300  # characters


class _Away(Retry):
    """It takes too long, or says itself that it cannot answer now."""


class OpenAICompatible:
    """`Generator` over HTTP. `url` is the address that `/chat/completions` is below.

    A call takes at most `timeout_s` in all, however slowly the answer drips in; and nothing at all
    for a while after a few in a row that got no answer.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        timeout_s: float = 5.0,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._url = url.rstrip("/")
        self._said = masked(self._url)  # what messages call it
        self._key = key
        self._model = model
        self._timeout_s = timeout_s
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._lines = Lines(timeout_s, headers)
        self._breaker = Breaker(
            "generation",
            is_away=lambda error: isinstance(error, httpx.HTTPError | _Away),
            failures=FAILURES,
            away_s=away_s,
            watch=watch,
        )

    @property
    def model(self) -> str:
        return self._model

    def close(self) -> None:
        self._lines.close()

    def complete(self, instructions: str, text: str, *, most_tokens: int) -> Completion:
        """See `Generator.complete`."""
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": instructions},
                {"role": "user", "content": text},
            ],
            "max_tokens": most_tokens,
            "temperature": 0,
        }
        try:
            with self._breaker.calling(), self._lines.one() as line:
                return self._completion(line, body)
        except httpx.HTTPError as error:
            kind = type(error).__name__
            raise Retry(f"the model at {self._said} does not answer: {error or kind}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Retry(f"the model at {self._said} gave no completion: {error!r}") from error

    def _completion(self, line: Line, body: dict[str, Any]) -> Completion:
        until = time.monotonic() + self._timeout_s
        time_s = f"{self._timeout_s:g} s"
        late = _Away(f"the model at {self._said} does not answer in time: took more than {time_s}")
        data = b""
        asked = line.client.stream(
            "POST",
            f"{self._url}/chat/completions",
            json=body,
            extensions={"trace": line.trace},
        )
        try:
            with asked as response:
                for part in response.iter_bytes():
                    data += part
                    if len(data) > LARGEST:
                        raise Retry(f"the model at {self._said} gave more than {LARGEST:,} bytes")
                    if time.monotonic() > until:
                        raise late
        except httpx.HTTPError as error:
            if line.cut:
                raise late from error
            raise
        if response.status_code != OK:
            status = response.status_code
            refusal = _Away if status >= SERVER_ERROR or status == TOO_MANY else Retry
            said = f"the model at {self._said} says {status}"
            reason = _reason(data)
            if self._key:  # some servers say what they were given
                reason = reason.replace(self._key, HIDDEN)
            raise refusal(f"{said}: {reason}" if reason else said)
        found: Any = json.loads(data)
        content = found["choices"][0]["message"]["content"]
        if not isinstance(content, str):
            raise TypeError("its content is no text")
        usage: Any = found.get("usage") or {"": 0}
        return Completion(
            content, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        )


def _reason(data: bytes) -> str:
    """Why a server refuses, where it says so as OpenAI's does."""
    try:
        said: Any = json.loads(data)["error"]
        return (said if isinstance(said, str) else str(said["message"]))[:LONGEST_REASON]
    except (KeyError, TypeError, ValueError):
        return ""
