"""Waiting for documents: a slow pipeline is told from a stuck one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from streams.edge.admin import Standing
from streams.flow.errors import UserError

PATIENCE_S = 120.0
LOOK_S = 3.0


class Watch:
    """Looks at the stages while nothing comes of what somebody waits for.

    It never gives up on stages that move. `look` tells how each consumer group stands, in flow
    order.
    """

    def __init__(
        self,
        look: Callable[[], Mapping[str, Standing]],
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._patience_s = patience_s
        self._clock = clock
        self._looked = self._moved = clock()
        self._before: Mapping[str, Standing] = {}
        self._said = ""

    def heard(self) -> None:
        """Something that was waited for has come."""
        self._looked = self._moved = self._clock()
        self._said = ""

    def silence(self, what: str) -> str:
        """Nothing has come; says which stage it is at, if for some seconds. `what` is missing.

        Raises:
            UserError: nothing moved for as long as there is patience; it names the stage.
        """
        now = self._clock()
        if now - self._looked < LOOK_S:
            return self._said
        try:
            found = self._look()
        except UserError as outage:
            self._give_up_at(now, f"{what}: {outage}")
            return self._said
        self._looked = self._clock()
        before, self._before = self._before, found
        moving = {name for name, each in found.items() if each.read != before.get(name, each).read}
        if moving or not before:
            self._moved = now
        name = max(found, key=lambda name: found[name].behind, default="")
        behind = found[name].behind if name else 0
        if not behind:
            self._give_up_at(
                now,
                f"{what}, no stage has anything to read, and nothing moved for "
                f"{self._patience_s:.0f} s: `millrace status` shows whether all stages run",
            )
            self._said = ""
            return ""
        self._give_up_at(
            now,
            f"{what} and nothing moved for {self._patience_s:.0f} s: stage {name} has {behind:,} "
            "records before it and reads none; `millrace status` shows whether it runs",
        )
        pace = "moving" if name in moving or not before else "not moving"
        self._said = f"{name} has {behind:,} records before it, {pace}"
        return self._said

    def _give_up_at(self, now: float, reason: str) -> None:
        if now - self._moved > self._patience_s:
            raise UserError(reason)
