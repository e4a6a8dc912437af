"""The session of a question: the turns before it, and the note that it is one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processors.ports import Sessions, Turn
from schemas.events import Question

LONGEST = 1_000  # characters of a question that are kept
# `remember` writes a turn milliseconds after its answer is there to read, and seconds where its
# worker was killed. Only a question that needs the answer waits for it.
WAIT_S = 5.0
_SHARE = 0.25  # of the time until its deadline, at most
_LOOK_S = 0.01
_SLOWER = 1.5  # how much longer each time

Clock = Callable[[], int]


@dataclass(slots=True)
class Session:
    """The turns before a question, oldest first; of the same user, where one is named.

    `understood` is what was made of the question when it came before: the turns since must not
    change that.
    """

    sessions: Sessions
    question: Question
    now: Clock
    turns: Sequence[Turn] = ()
    understood: str = ""

    def look(self) -> None:
        """What is known by now.

        Raises:
            Retry: it cannot be told.
        """
        asked = self.question
        if asked.session_id is None:
            return
        known = self.sessions.turns(asked.tenant, asked.session_id)
        mine = [turn for turn in known if turn.user == (asked.user or "")]
        place = (asked.asked_at, asked.asked_offset)
        before = [turn for turn in mine if (turn.asked_at, turn.asked_offset) <= place]
        self.turns = [turn for turn in before if turn.request_id != asked.request_id]
        self.understood = next((t.query for t in mine if t.request_id == asked.request_id), "")

    @property
    def last(self) -> Turn | None:
        return self.turns[-1] if self.turns else None

    def answered(self) -> Turn | None:
        """The turn before once it is closed; as it stands, where that takes too long.

        Raises:
            Retry: it cannot be told now.
        """
        left = (self.question.deadline_at - self.now()) / 1000
        until = self.now() + 1000 * max(min(WAIT_S, left * _SHARE), 0.0)
        pause = _LOOK_S
        while self.last is not None and not self.last.status and self.now() < until:
            time.sleep(pause)
            pause *= _SLOWER
            self.look()
        return self.last

    @property
    def rests(self) -> list[str]:
        """The chunks that what it knows rests on."""
        return [*dict.fromkeys(each for turn in self.turns for each in turn.rests)]

    def note(self, understood: str, rests: Sequence[str]) -> None:
        """This question is under way, as it is understood.

        Raises:
            Retry: it cannot be kept now.
        """
        asked, session = self.question, self.question.session_id
        if session is not None:
            turn = Turn(
                asked.request_id,
                asked.user or "",
                asked.asked_at,
                asked.asked_offset,
                self.now(),
                understood[:LONGEST],
                rests=tuple(rests),
            )
            self.sessions.note(asked.tenant, session, turn)


def session_of(sessions: Sessions, question: Question, now: Clock) -> Session:
    """The session that a question belongs to.

    Raises:
        Retry: it cannot be told now.
    """
    session = Session(sessions, question, now)
    session.look()
    return session
