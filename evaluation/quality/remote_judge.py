"""A model behind an OpenAI-compatible endpoint as the judge that ragas asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from connectors.breaker import Breaker
from connectors.trusting import trusting
from streams.app.ports import JudgeSettings
from streams.flow.errors import UserError

PATIENCE = 3  # calls in a row without an answer, after which the endpoint is asked no more
FOR_GOOD_S = 24 * 3600.0  # longer than any evaluation
TOKENS = 4096  # a verdict on each statement of a long answer, with its reason
LONGEST_REASON = 200  # characters
OF_ONE_REQUEST = (400, 413, 422, 429)  # refusals that the next request need not meet


class RemoteModel:
    """Asks the endpoint; a call has `judge_timeout_s`, whatever is tried again in it."""

    def __init__(self, settings: JudgeSettings, factory: Callable[..., Any]) -> None:
        if not settings.model:
            raise UserError("MILLRACE_JUDGE__URL is set, but MILLRACE_JUDGE__MODEL is not")
        openai: Any = import_module("openai")
        self._limit_s = settings.timeout_s
        self._client = openai.AsyncOpenAI(
            base_url=settings.url,
            api_key=settings.key.get_secret_value() or "none",
            timeout=settings.timeout_s,
            max_retries=1,
            http_client=openai.DefaultAsyncHttpxClient(
                verify=trusting(settings.ca_file, "MILLRACE_JUDGE__CA_FILE")
            ),
        )
        self._model = factory(settings.model, client=self._client, max_tokens=TOKENS)
        # What it says of each try stands in the scores, by question.
        logging.getLogger("instructor").setLevel(logging.CRITICAL)
        self.name = f"{settings.model} at {settings.url}"
        self._last = ""
        self._breaker = Breaker(
            "the judge",
            is_away=lambda error: not _answered(error),
            failures=PATIENCE,
            away_s=FOR_GOOD_S,
        )

    @property
    def lost(self) -> str:
        """Why the endpoint is to be asked no more; empty while it may be."""
        if not self._breaker.away:
            return ""
        return f"the judge's endpoint gave no answer {PATIENCE} times; last: {self._last}"

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        """The model's answer to one of ragas' prompts. Raises what the endpoint fails with."""
        with self._breaker.calling():
            try:
                async with asyncio.timeout(self._limit_s):
                    return await self._model.agenerate(prompt, response_model)
            except Exception as error:
                self._last = reason(error)
                raise

    async def close(self) -> None:
        await self._client.close()


def _answered(error: BaseException) -> bool:
    """Whether the endpoint works, though this call failed: it said what is no verdict, or refused
    this one request."""
    if getattr(error, "failed_attempts", None):
        return True
    return getattr(error.__cause__, "status_code", None) in OF_ONE_REQUEST


def reason(error: Exception) -> str:
    """Why a judge measured nothing, in a line."""
    if isinstance(error, TimeoutError) or "timed out" in str(error).lower():
        return "the judge did not answer in time"
    lines = [line.strip() for line in str(error).splitlines()]
    if "<failed_attempts>" in lines:  # instructor's account of each try
        said = [line for line in lines if line and not line.startswith("<")]
        return f"the judge gave no verdict: {' '.join(said[:3])}"[:LONGEST_REASON]
    return f"the judge failed: {type(error).__name__}: {lines[0] if lines else ''}"[:LONGEST_REASON]
