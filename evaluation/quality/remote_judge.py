"""A model behind an OpenAI-compatible endpoint as the judge that ragas asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from streams.app.ports import JudgeSettings
from streams.flow.errors import UserError

PATIENCE = 3  # calls in a row without an answer, after which the endpoint is asked no more
TOKENS = 4096  # a verdict on each statement of a long answer, with its reason
LONGEST_REASON = 200  # characters
OF_ONE_REQUEST = (400, 413, 422, 429)  # refusals that the next request need not meet


class RemoteModel:
    """Asks the endpoint; a call has `judge_timeout_s`, whatever is tried again in it.

    `lost` says why the endpoint is to be asked no more, and is empty until then.
    """

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
        )
        self._model = factory(settings.model, client=self._client, max_tokens=TOKENS)
        # What it says of each try stands in the scores, by question.
        logging.getLogger("instructor").setLevel(logging.CRITICAL)
        self.name = f"{settings.model} at {settings.url}"
        self.lost = ""
        self._silent = 0

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        """The model's answer to one of ragas' prompts. Raises what the endpoint fails with."""
        try:
            async with asyncio.timeout(self._limit_s):
                found = await self._model.agenerate(prompt, response_model)
        except Exception as error:
            self._silent = 0 if _answered(error) else self._silent + 1
            if self._silent >= PATIENCE:
                self.lost = (
                    f"the judge's endpoint gave no answer {self._silent} times; "
                    f"last: {reason(error)}"
                )
            raise
        self._silent = 0
        return found

    async def close(self) -> None:
        await self._client.close()


def _answered(error: Exception) -> bool:
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
