"""A language model whose API is not OpenAI's, through LiteLLM, which speaks a hundred of them.

It is asked within the same deadline, breaker, retries and concurrency as an endpoint that is spoken
to directly, and answers in the same pieces.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, Self

from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.generator import Asked, OpenAICompatible
from streams.flow.errors import UserError
from streams.flow.port import Watch, unwatched

# It would fetch a table of prices from the network when it is imported; ours are in policies/.
_OWN_TABLE = "LITELLM_LOCAL_MODEL_COST_MAP"


class LiteLLM(OpenAICompatible):
    """`Generator`: of a model as LiteLLM names it, such as `anthropic/...` or `bedrock/...`.

    `url` is where its provider is, for those that are not where LiteLLM knows them to be.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        *,
        url: str = "",
        asked: Asked | None = None,
        watch: Watch = unwatched,
    ) -> None:
        super().__init__(endpoint, model, asked=asked, watch=watch)
        self._endpoint = endpoint
        self._url = url
        self._library: Any = None

    def open(self) -> None:
        """Import it, which takes seconds.

        Raises:
            UserError: it is not installed.
        """
        os.environ.setdefault(_OWN_TABLE, "True")
        try:
            self._library = import_module("litellm")
        except ImportError:
            raise UserError(
                f"{self._endpoint.setting}__API is litellm: pip install 'millrace[litellm]'"
            ) from None
        self._library.telemetry = False
        self._library.suppress_debug_info = True
        super().open()

    async def _streamed(self, client: Any, body: dict[str, Any]) -> Any:  # noqa: ARG002
        """The answer's pieces, as the official client gives them."""
        given: dict[str, Any] = {"api_key": self._endpoint.key() or None, "num_retries": 0}
        if self._url:
            given["api_base"] = self._url
        # What a provider does not know, such as a temperature, is left out.
        return _Pieces(await self._library.acompletion(**body, **given, drop_params=True))


class _Pieces:
    """A stream that is left when it is done with, as the official client's is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if (close := getattr(self._stream, "aclose", None)) is not None:
            await close()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for piece in self._stream:
            yield _Piece(piece)


class _Piece:
    """A piece of an answer; only the last one has counts."""

    def __init__(self, piece: Any) -> None:
        self.choices = piece.choices
        self.usage = getattr(piece, "usage", None)
