"""What a reader reads for questions that wait, all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from processors.ports import Asking, Reader, Reading
from processors.questions.generate import Lookup
from streams.flow.errors import Retry


def read(lookups: Sequence[Lookup], most: Sequence[int], reader: Reader) -> list[list[Reading]]:
    """All that was read of each, which its lookup has taken.

    First `most` passages of each; then what is likeliest to be quoted, by itself: a passage may
    answer where the sentence that was chosen does not.

    Raises:
        Retry: the reader cannot read now; no lookup has taken anything.
    """
    try:
        first = _shared(reader, [one.askings(own) for one, own in zip(lookups, most, strict=True)])
        for lookup, readings in zip(lookups, first, strict=True):
            lookup.take(readings)
        second = _shared(reader, [lookup.again() for lookup in lookups])
    except Retry:
        for lookup in lookups:
            lookup.take([])
        raise
    for lookup, readings in zip(lookups, second, strict=True):
        lookup.take_again(readings)
    return [[*one, *other] for one, other in zip(first, second, strict=True)]


def _shared(reader: Reader, askings: Sequence[Sequence[Asking]]) -> list[list[Reading]]:
    """Readings of each, read together."""
    together = [asking for own in askings for asking in own]
    left = reader.read(together) if together else []
    found: list[list[Reading]] = []
    for own in askings:
        found.append(left[: len(own)])
        left = left[len(own) :]
    return found
