"""A breaker a service: one that is away costs a call microseconds instead of its time-out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pybreaker import (
    STATE_CLOSED,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerState,
    CircuitMemoryStorage,
)

from streams.flow.errors import Retry
from streams.flow.port import Watch, unwatched

_log = logging.getLogger(__name__)


class Away(Retry):
    """The service was not asked: it did not answer a moment ago."""


class Breaker:
    """Lets calls to `name` through until `failures` in a row say that it is away.

    Then none for `away_s` seconds, and one at a time until one comes through. `is_away` tells the
    errors that say so from those of a service that answered. Calls of several threads go on side
    by side.
    """

    def __init__(
        self,
        name: str,
        *,
        is_away: Callable[[BaseException], bool],
        failures: int = 1,
        away_s: float = 3.0,
        watch: Watch = unwatched,
    ) -> None:
        self._name = name
        self._notes = _Notes(name, watch)
        self._trial = threading.Lock()
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=away_s,
            exclude=[lambda error: not is_away(error)],
            listeners=[self._notes],
            state_storage=_Monotonic(STATE_CLOSED),
            throw_new_error_on_trip=False,
        )

    @property
    def away(self) -> bool:
        """Whether a call now would be refused, or be one that finds out."""
        return self._breaker.current_state == STATE_OPEN

    @contextmanager
    def calling(self) -> Generator[None]:
        """Around one call.

        Raises:
            Away: at once, while the service is away.
        """
        trial = self._breaker.current_state != STATE_CLOSED
        if trial and not self._trial.acquire(blocking=False):
            raise self._refusal()
        try:
            # Unlike `call`, `calling` does not hold the breaker's lock while the call is under way.
            with self._breaker.calling():
                yield
        except CircuitBreakerError:
            raise self._refusal() from None
        finally:
            if trial:
                self._trial.release()

    def _refusal(self) -> Away:
        return Away(f"{self._name} did not answer a moment ago: {self._notes.last}")


class _Notes(CircuitBreakerListener):
    """Keeps what the last failure said and passes changes on."""

    def __init__(self, name: str, watch: Watch) -> None:
        self._name = name
        self._watch = watch
        self._away = False
        self.last = ""
        watch(name, False)

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:  # noqa: ARG002
        self.last = str(exc) or type(exc).__name__

    def state_change(
        self,
        cb: CircuitBreaker,  # noqa: ARG002
        old_state: CircuitBreakerState | None,  # noqa: ARG002
        new_state: CircuitBreakerState,
    ) -> None:
        away = new_state.name != STATE_CLOSED
        if away == self._away:
            return  # a trial, or its failure
        self._away = away
        if away:
            _log.warning(
                "%s does not answer, and is asked only now and then: %s", self._name, self.last
            )
        else:
            _log.info("%s answers again", self._name)
        self._watch(self._name, away)


class _Monotonic(CircuitMemoryStorage):
    """Since when it is open, by a clock that nobody sets: else one set back would keep it open."""

    _since = 0.0

    @property
    def opened_at(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._since)

    @opened_at.setter
    def opened_at(self, datetime: datetime) -> None:  # noqa: ARG002
        self._since = time.monotonic()
