"""Calls of one OpenAI-compatible endpoint: a deadline, retries, a breaker, so many at once.

The official client runs in an event loop of its own, where a call that is late can be ended
whatever its server does meanwhile: drips headers, drips a body, or nothing.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import httpx2
import openai
from openai.resources import chat, embeddings

from connectors.breaker import Away, Breaker
from connectors.openai_compatible.limits import Gate
from connectors.openai_compatible.refusing import (
    JUNK,
    Unanswered,
    may_heal,
    refused,
    secrets_of,
)
from connectors.trusting import trusting
from streams.flow.masking import masked
from streams.flow.port import Watch, unwatched

T = TypeVar("T")
FAILURES = 3  # in a row without an answer, after which it is not asked for AWAY_S
AWAY_S = 10.0
KEYLESS = "none"  # the client sends a key or nothing at all; no such one leaves this process
LARGEST = 32 * 1024 * 1024  # bytes of an answer that are read
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 4.0  # before it is asked again; twice as long each time


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how it is called; `url` is what `/chat/completions` and the others are below.

    `key` is asked before each call, so that it may change. `setting` begins the names of the
    settings that say all this, for who has to mend them.
    """

    url: str
    key: Callable[[], str] = str
    timeout_s: float = 10.0  # of a call in all: waiting for its turn and trying again included
    at_once: int = 8
    retries: int = 2
    peer: str = "generation"  # what it is called where its state is shown
    setting: str = "MILLRACE_TIERS"
    ca_file: Path | None = None  # the authority of its certificate; None: those of the system


Said = Callable[[str], None]
Call = Callable[[openai.AsyncOpenAI, Said], Awaitable[T]]
"""One try; it says what was said so far, after which it is not made again."""


# The client imports these when it is first used, which takes half a second of somebody's call.
LOADED = (chat.AsyncCompletions, embeddings.AsyncEmbeddings)


class Calls:
    """Blocks its callers, of any number of threads; opens nothing until the first one."""

    def __init__(
        self, endpoint: Endpoint, *, away_s: float = AWAY_S, watch: Watch = unwatched
    ) -> None:
        self._endpoint = endpoint
        self.where = f"the model at {masked(endpoint.url.rstrip('/'))}"
        self._gate = Gate()
        self._breaker = Breaker(
            endpoint.peer,
            is_away=lambda error: isinstance(error, Unanswered),
            failures=FAILURES,
            away_s=away_s,
            watch=watch,
        )
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def make(self, call: Call[T], *, within_s: float | None = None, told: Said | None = None) -> T:
        """What the call gives; `told` hears, in this thread, what it says before that.

        Raises:
            Retry: it does not answer in time, refuses, or gives what is no answer.
        """
        endpoint = self._endpoint
        limit = endpoint.timeout_s if within_s is None else min(within_s, endpoint.timeout_s)
        key = endpoint.key()
        with self._breaker.calling():
            if self._gate.left() > limit:
                raise Away(f"{endpoint.peer} asked to be left alone for {self._gate.left():.0f} s")
            try:
                return self._run().listened(self._tried(call, limit, told), told)
            except TimeoutError:
                late = f"{self.where} does not answer in time: took more than {limit:g} s"
                raise Unanswered(late) from None
            except (openai.OpenAIError, httpx2.HTTPError, *JUNK) as error:
                secrets = secrets_of(endpoint.url, key)
                raise refused(error, self.where, endpoint.setting, secrets) from error

    def open(self) -> None:
        """Make the client now, so that no call's time is spent on that.

        Raises:
            UserError: the authority's file cannot be used.
        """
        self._run()

    def close(self) -> None:
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def _run(self) -> _Running:
        with self._lock:
            if self._running is None:
                self._running = _Running(self._endpoint, self._gate)
            return self._running

    def _tried(
        self, call: Call[T], limit: float, told: Said | None
    ) -> Callable[[_Running, Said], Awaitable[T]]:
        """The call, until it is answered or its time is up."""

        async def tried(running: _Running, said: Said) -> T:
            until = time.monotonic() + limit
            heard = False

            def hear(text: str) -> None:
                nonlocal heard
                heard = told is not None
                said(text)

            async with asyncio.timeout(limit), running.turns:
                for wait in (*_waits(self._endpoint.retries), 0.0):
                    await asyncio.sleep(self._gate.left())
                    try:
                        return await call(running.client, hear)
                    except (openai.OpenAIError, httpx2.HTTPError, Unanswered) as error:
                        pause = max(wait, self._gate.left())
                        last = wait == 0.0 or time.monotonic() + pause >= until
                        if heard or last or not may_heal(error):
                            raise
                    await asyncio.sleep(pause)
                raise AssertionError  # the last try returns or raises

        return tried


def _waits(retries: int) -> list[float]:
    """Before each further try, with jitter: those who failed together do not come together."""
    longest = [min(FIRST_WAIT_S * 2**n, LONGEST_WAIT_S) for n in range(retries)]
    return [random.uniform(each / 2, each) for each in longest]


class _Running:
    """The event loop in its thread, and the client in that."""

    def __init__(self, endpoint: Endpoint, gate: Gate) -> None:
        self.client = client(endpoint, gate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._thread.start()
        self.turns = asyncio.Semaphore(endpoint.at_once)

    def listened(self, tried: Callable[[_Running, Said], Awaitable[T]], told: Said | None) -> T:
        heard: SimpleQueue[str | None] = SimpleQueue()

        async def run() -> T:
            return await tried(self, heard.put if told is not None else _nobody)

        future = self._started(run())
        try:
            if told is not None:
                future.add_done_callback(lambda _: heard.put(None))
                while (text := heard.get()) is not None:
                    told(text)
            return future.result()
        finally:
            future.cancel()

    def _started(self, run: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(run, self._loop)

    def close(self) -> None:
        self._started(self.client.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _nobody(text: str) -> None:
    """Tells nobody."""


def client(endpoint: Endpoint, gate: Gate) -> openai.AsyncOpenAI:
    """The official client, whose answers are of bounded size and whose limits `gate` notes."""

    async def noted(response: httpx2.Response) -> None:
        gate.note(response.status_code, response.headers)
        response.stream = _Capped(response.stream)

    async def key() -> str:
        return endpoint.key() or KEYLESS

    async def keyless(request: httpx2.Request) -> None:
        if request.headers.get("Authorization") == f"Bearer {KEYLESS}":
            del request.headers["Authorization"]

    return openai.AsyncOpenAI(
        base_url=endpoint.url.rstrip("/"),
        api_key=key,
        max_retries=0,  # of ours, since they are to fit one deadline
        http_client=openai.DefaultAsyncHttpxClient(
            verify=trusting(endpoint.ca_file, f"{endpoint.setting}__CA_FILE"),
            timeout=None,
            follow_redirects=False,
            event_hooks={"request": [keyless], "response": [noted]},
        ),
    )


class _Capped(httpx2.AsyncByteStream):
    """A body that is read so far and no further."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._body:
            size += len(part)
            if size > LARGEST:
                raise httpx2.ReadError(f"it gave more than {LARGEST:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()
