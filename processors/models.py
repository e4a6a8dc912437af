"""What processors need of models that are asked over a wire, as protocols: see `ports.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.events import PartialAnswer


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model wrote, and the tokens it counted (0 where it does not say).

    `cached_tokens` are those of its input that it had read before.
    """

    text: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


class Generator(Protocol):
    """A language model: text for text."""

    @property
    def model(self) -> str: ...

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Completion:
        """The model's answer to `text` under `instructions`: by a JSON `schema`, if one is given.

        It takes `within_s` seconds at most, and no longer than is configured. `told` hears it in
        pieces, as they are written.

        Raises:
            Retry: it does not answer in time, refuses, stops in the middle, or gives what is no
                completion.
        """
        ...


class Partials(Protocol):
    """Tells whoever waits what an answer says so far."""

    def tell(self, event: PartialAnswer) -> None:
        """Soon, and never surely: what is lost is in the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """A question, and passages of which it is to be said how well each answers it."""

    question: str
    passages: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """One score a passage, in order: higher is better, within one question.

    `input_tokens` is what the model counted that it read for them; 0: it does not say.
    """

    scores: Sequence[float]
    input_tokens: int = 0


class Reranker(Protocol):
    """A model that reads a question together with each passage."""

    @property
    def model(self) -> str: ...

    def scores(self, asked: Sequence[Ranked], *, within_s: float) -> list[Scored]:
        """Of each question the scores of its passages.

        Raises:
            Retry: it does not answer within so many seconds, or gives what are no scores.
        """
        ...
