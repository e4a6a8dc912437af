"""What whoever waits for an answer is told while it is being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from processors.models import Partials
from processors.questions.supporting import begun, cited
from schemas.events import PartialAnswer, Question

_ENDS = frozenset(".!?\n]")  # after which a sentence may be whole


class Telling:
    """Hears a model's text in pieces, and tells it: as it comes, or in sentences that are sound.

    `check` says of a sentence and the numbers it cites whether the passages bear it out; one that
    they do not is not told. Without it every piece is told as it is.
    """

    def __init__(
        self,
        question: Question,
        tier: str,
        partials: Partials,
        check: Callable[[str, Sequence[int]], bool] | None,
        now: Callable[[], int],
    ) -> None:
        self._question, self._tier = question, tier
        self._partials, self._check, self._now = partials, check, now
        self._text = ""
        self._told = 0

    def __call__(self, piece: str) -> None:
        """The next piece."""
        if self._check is None:
            self._tell(piece, checked=False)
            return
        self._text += piece
        if _ENDS.isdisjoint(piece):
            return
        # The last one may go on, or have its marks behind it. Only that is looked at again.
        whole, self._text = begun(self._text)
        for sentence, numbers in cited(whole):
            if self._check(sentence, numbers):
                self._tell(sentence if not self._told else f" {sentence}", checked=True)

    def _tell(self, text: str, *, checked: bool) -> None:
        self._partials.tell(
            PartialAnswer(
                request_id=self._question.request_id,
                tenant=self._question.tenant,
                tier=self._tier,
                ordinal=self._told,
                text=text,
                checked=checked,
                told_at=self._now(),
            )
        )
        self._told += 1
