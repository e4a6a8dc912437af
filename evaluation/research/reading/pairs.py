"""What the reader learns from: a question, a passage, and where the passage answers it."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with a passage; pairs of one `group` are of one question.

    `spans` are character offsets into `text`: none where it does not answer; None where it
    answers as a whole, and nobody said which words do.
    """

    group: str
    question: str
    context: str  # title and headings
    text: str
    spans: list[Span] | None
    mined: bool = True  # whether passages of its set may be its negatives
    held: bool = False  # left out of training
