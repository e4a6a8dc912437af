"""What an index remembers of a document beside its chunks: the fence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from processors.documents.chunk import ORDINALS_PER_PART
from processors.documents.labels import Labels, Text
from processors.ports import Made, Stamp
from schemas.events import DocumentEmbedded, DocumentVersion

# Versions that are remembered once they are obsolete: each is named, to whoever has the log forget
# it, with this many later versions, lest a crash between here and there loses it. A lane is never
# so many batches ahead of what its loop has committed.
NAMED = 3
MOST_LOGGED = 32
_TIMES = (10, 13, 16, 19)  # digits of a time of our days in seconds, milliseconds, ...
# Of a document of which there is no version yet, only who may see it.
UNSEEN: Stamp = (-1, -1, 0)
# Stands for all parts where a record was written before parts were counted: its word is taken.
_ANY = -1


class Logged(NamedTuple):
    """A version that stands on docs.changes, or on docs.changes.bulk, and in how many parts."""

    version: int
    sequence: int
    parts: int
    bulk: bool = False


def stamp_of(document: DocumentVersion) -> Stamp:
    return document.version, document.sequence, document.generation


def part_of(ordinal: int) -> int:
    """The part of its document that a chunk is of."""
    return ordinal // ORDINALS_PER_PART


@dataclass(slots=True)
class Fence:
    """What was last applied to a document.

    `parts` has, of each part of this version whose last record came, how many chunks it has and
    their chunking. `logged` has the versions that stand in the log, and with how many later ones
    each was named.
    """

    stamp: Stamp
    deleted: bool = False
    parts: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])
    logged: dict[Logged, int] = field(default_factory=dict[Logged, int])
    abandoned: Stamp | None = None  # a version of which a part was superseded on its way
    fed_at: int = 0  # 0 where it is not known
    labels: Labels = field(default_factory=Labels)  # of the document, not of this version alone

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Self:
        """The fence that `payload` was made of. Older ones have no generation and no parts."""
        stamp = payload["version"], payload["sequence"], payload.get("generation", 0)
        parts = {int(part): (n, chunking) for part, n, chunking in payload.get("parts", ())}
        logged = {Logged(*each): named for *each, named in payload.get("logged", ())}
        abandoned = payload.get("abandoned")
        abandoned = abandoned and tuple(abandoned)
        fed_at = payload.get("fed_at", 0)
        labels = Labels.of(payload)
        return cls(stamp, payload["deleted"], parts, logged, abandoned, fed_at, labels)

    @property
    def text(self) -> Text:
        """What access is said about."""
        return Text(self.stamp[0], self.fed_at)

    def payload(self) -> dict[str, Any]:
        version, sequence, generation = self.stamp
        found: dict[str, Any] = {
            "version": version,
            "sequence": sequence,
            "generation": generation,
            "deleted": self.deleted,
            "fed_at": self.fed_at,
            **self.labels.payload(),
        }
        if self.parts:
            found["parts"] = [[part, *told] for part, told in self.parts.items()]
        if self.logged:
            found["logged"] = [[*each, named] for each, named in self.logged.items()]
        if self.abandoned:
            found["abandoned"] = [*self.abandoned]
        return found

    def after(self, change: DocumentEmbedded) -> Fence:
        """This fence once `change`, which is not older, is applied."""
        document = change.document
        stamp = stamp_of(document)
        deleted = document.op == "delete"
        parts = dict(self.parts) if stamp == self.stamp and not deleted else {}
        if not deleted and not _whole(change):
            if change.part_chunks >= 0:
                parts[change.part] = (change.part_chunks, change.chunking)
            elif change.last:
                parts[_ANY] = (0, change.chunking)
        newer = stamp != self.stamp
        named = {each: n + newer for each, n in self.logged.items() if n + newer <= NAMED}
        named.setdefault(logged(document), 0)
        kept = dict(sorted(named.items())[-MOST_LOGGED:])
        abandoned = self.abandoned if self.abandoned == stamp else None
        labels = self.labels.after(document, self.text)
        return Fence(stamp, deleted, parts, kept, abandoned, document.fed_at, labels)

    def other_order(self, change: DocumentEmbedded) -> bool:
        """Whether a later change loses only since one of the two has a version and one has none.

        A change without a version counts by its time, which tells nothing beside versions.
        """
        document = change.document
        later = 0 < self.fed_at < document.fed_at
        timed, former_timed = document.version == document.fed_at, self.stamp[0] == self.fed_at
        return later and (timed != former_timed or _other_unit(self.stamp[0], document.version))

    def ended(self, change: DocumentEmbedded) -> bool:
        """Whether the last record of the version came, so that what is not here is missing."""
        again = stamp_of(change.document) == self.stamp and change.document.parts - 1 in self.parts
        return change.last or again

    def missing(self, change: DocumentEmbedded, chunks: Iterable[Made]) -> tuple[int, ...]:
        """The parts of which chunks are missing among the document's `chunks`."""
        if change.document.op == "delete" or _whole(change) or _ANY in self.parts:
            return ()
        there = dict.fromkeys(range(change.document.parts), 0)
        for made in chunks:
            if self.current(made, change) and made.part in there:
                there[made.part] += 1
        return tuple(part for part, n in there.items() if self.parts.get(part, (_ANY, ""))[0] != n)

    def current(self, made: Made, change: DocumentEmbedded) -> bool:
        """Whether a chunk is of this version.

        The chunking is compared too: a replay cut otherwise keeps version and sequence.
        """
        if _whole(change):
            return made.stamp == self.stamp and made.chunking == change.chunking
        _, chunking = self.parts.get(made.part, self.parts.get(_ANY, (0, None)))
        return made.stamp == self.stamp and made.chunking == chunking

    def obsolete(self) -> tuple[Logged, ...]:
        """Versions whose parts in the log are of no more use once this one is whole."""
        return tuple(each for each in self.logged if each[:2] < self.stamp[:2])


def left_behind(change: DocumentEmbedded, fence: Fence) -> tuple[Logged, ...]:
    """What a superseded change of an older version leaves in the log.

    Told with the last record of each part, since any of them may come again by a replay.
    """
    document = change.document
    older = stamp_of(document)[:2] < fence.stamp[:2]
    return (logged(document),) if older and change.part_chunks >= 0 else ()


def logged(document: DocumentVersion) -> Logged:
    """Where a version stands in the log."""
    return Logged(document.version, document.sequence, document.parts, document.bulk)


def _other_unit(former: int, version: int) -> bool:
    """Whether two versions are times of our days, the former in a finer unit than the other."""
    digits, former_digits = len(str(version)), len(str(former))
    return digits in _TIMES and former_digits in _TIMES and former_digits > digits


def _whole(change: DocumentEmbedded) -> bool:
    """Whether this one record has all of its version."""
    return change.document.parts == 1 and change.last and change.part_chunks == len(change.chunks)
