"""A language model behind an OpenAI-compatible endpoint (`/chat/completions`), streamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import openai

from connectors.openai_compatible.calls import AWAY_S, Calls, Endpoint, Said
from connectors.openai_compatible.counts import counts
from connectors.openai_compatible.refusing import CutOff
from processors.models import Completion
from streams.flow.errors import Retry
from streams.flow.port import Watch, unwatched

# Characters of an answer for each token it may have, at most: a server that goes on is left.
LONGEST_TOKEN, SPARE = 32, 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server is told beside the messages; some know the limit by its newer name only."""

    temperature: float = 0.0  # below 0: nothing is said of it
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


class OpenAICompatible:
    """`Generator` over HTTP: of one model of one endpoint.

    A call takes at most the endpoint's `timeout_s` in all, however slowly its answer drips in, and
    nothing at all for a while after a few in a row that got none.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        *,
        asked: Asked | None = None,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._calls = Calls(endpoint, away_s=away_s, watch=watch)
        self._model = model
        self._asked = asked or Asked()

    @property
    def model(self) -> str:
        return self._model

    def open(self) -> None:
        """Make ready what is made once."""
        self._calls.open()

    def close(self) -> None:
        self._calls.close()

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Said | None = None,
    ) -> Completion:
        """See `Generator.complete`."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": instructions},
                {"role": "user", "content": text},
            ],
            self._asked.limit: most_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._asked.temperature >= 0:
            body["temperature"] = self._asked.temperature
        if schema is not None:
            form = {"name": "answer", "strict": True, "schema": {**schema}}
            body["response_format"] = {"type": "json_schema", "json_schema": form}

        async def call(client: openai.AsyncOpenAI, said: Said) -> Completion:
            stream = await self._streamed(client, body)
            return await _read(stream, said, most_tokens, self._calls.where)

        return self._calls.make(call, within_s=within_s, told=told)

    async def _streamed(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> Any:
        # Of a mapping the client's overloads cannot tell that it streams.
        create: Any = client.chat.completions.create
        return await create(**body)


async def _read(
    stream: openai.AsyncStream[Any], said: Said, most_tokens: int, where: str
) -> Completion:
    """The whole answer, and what the server counted."""
    parts: list[str] = []
    usage: object = None
    length, ended = 0, ""
    async with stream:
        async for piece in stream:
            usage = piece.usage or usage
            for choice in piece.choices:
                ended = choice.finish_reason or ended
                content: object = choice.delta.content or ""
                if not isinstance(content, str):
                    raise TypeError("its content is no text")
                length += len(content)
                if length > LONGEST_TOKEN * most_tokens + SPARE:
                    raise Retry(f"{where} says more than the {most_tokens} tokens it may")
                if content:
                    parts.append(content)
                    said(content)
    if not ended:
        raise CutOff(f"{where} stopped in the middle of its answer, after {length} characters")
    return Completion("".join(parts), *counts(usage))
