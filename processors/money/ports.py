"""What money needs of the outside: a ledger that all workers share, a purse before each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

Verdict = Literal["taken", "spent", "busy", "unbegun"]
"""Reserved; the limit is reached; as many calls as may be are under way; see `Ledger.begin`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a tenant in a period, in billionths: what is settled, and what is reserved beside it.

    `repeated` of it was settled again by calls that were made again; `lapsed` was reserved by
    workers that never came back. `begun`: what was spent before is in it.
    """

    spent: int = 0
    held: int = 0
    repeated: int = 0
    lapsed: int = 0
    begun: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation: whose, of which call, and in which period, milliseconds since the epoch."""

    tenant: str
    call: str
    begins: int
    ends: int


class Ledger(Protocol):
    """What tenants have spent and reserved, one for all workers. Safe to call from any thread.

    Every method raises Retry where it cannot be asked.
    """

    def reserve(self, hold: Hold, nanos: int, *, limit: int | None, calls: int | None) -> Verdict:
        """Reserve in one step, unless as much as `limit` is spent and reserved already.

        So of any number that ask at once no more than one goes above it. A call that is reserved
        again replaces itself. What is not settled lapses by itself. With a limit nothing is
        reserved in a period that has not begun.
        """
        ...

    def begin(self, hold: Hold, spent: int) -> None:
        """Begin its period, of which so much is spent already; nothing where it has begun.

        A ledger that lost what it held has begun nothing.
        """
        ...

    def settle(self, hold: Hold, nanos: int) -> None:
        """What a call cost in the end; 0 where it was none."""
        ...

    def standing(self, tenant: str, begins: int) -> Standing:
        """What is known of a period."""
        ...

    def pass_in(self, tenant: str, per_second: float, place: str) -> float:
        """Seconds until a tenant may ask, 0: now, which counts; its questions come evenly.

        The question that stands in this `place` of the log counts once, also if it comes again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a call may be made; `why` not, or what is not known though it may."""

    allowed: bool
    why: str = ""
    hold: Hold | None = None  # to settle


class Purse(Protocol):
    """Asked before each model call, and told what it cost. Never raises."""

    def take(self, tenant: str, call: str, worst: int | None, *, answers: bool) -> Taken:
        """Reserve the worst that a call may cost; None: nobody knows that.

        A call that `answers` could be spared, since passages are quoted then: it ends with the soft
        limit, others with the hard one.
        """
        ...

    def settle(self, taken: Taken, nanos: int) -> None: ...

    def refusal(self, tenant: str, place: str) -> str:
        """Why a tenant may not ask now what stands there in the log, and from when on it may.

        Empty: it may.
        """
        ...


class Free:
    """A purse of those without budgets."""

    def take(self, tenant: str, call: str, worst: int | None, *, answers: bool) -> Taken:  # noqa: ARG002
        return Taken(True)

    def settle(self, taken: Taken, nanos: int) -> None:
        pass

    def refusal(self, tenant: str, place: str) -> str:  # noqa: ARG002
        return ""


class Suspensions(Protocol):
    """Which tenants are suspended."""

    def why(self, tenant: str) -> str | None:
        """The reason; None: it is not suspended."""
        ...


class NoSuspensions:
    """None is."""

    def why(self, tenant: str) -> str | None:  # noqa: ARG002
        return None
