"""What a session has taken and not committed, and how far each partition is read.

A record is committed once it is done, whatever stands before it: what follows a slow one waits for
it no longer than its own key does. The offset that is committed is that of the first undone record;
its metadata says which of those behind it are done, so who reads on from there skips them, and how
often work on that record was begun in vain: see `suspects`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from streams.runtime.record import Record, order_key

Place = tuple[str, int]  # topic and partition


def place_of(record: Record) -> Place:
    return record.topic, record.partition


AHEAD, TRIED = "ahead", "tried"
# A broker takes 4,096 bytes of metadata. Twice so many numbers, whose sum is below the second, have
# 3,100 at most.
MOST_RANGES = 300
MOST_AHEAD = 1 << 20


class Progress:
    """How far one partition is read: all before `position`, and ranges of offsets beyond it.

    `tried` is about the first record that is not done: 1 once a session has begun on it, and one
    more with each try that it had alone.
    """

    __slots__ = ("_bounds", "position", "tried")

    def __init__(self, position: int, bounds: Iterable[int] = (), tried: int = 0) -> None:
        self.position = position
        self._bounds = list(bounds)  # begin and end of each range in turn, ascending
        self.tried = tried

    @classmethod
    def read(cls, position: int, metadata: str | None) -> Progress:
        """What `metadata` said of it; of other programs' words nothing is believed."""
        lengths: list[str] = []
        tries = "0"
        for clause in (metadata or "").split(";"):
            word, _, said = clause.partition(" ")
            if word == AHEAD:
                lengths = said.split(" ")
            elif word == TRIED:
                tries = said
            elif word:
                return cls(position)
        if len(lengths) % 2 or not all(each.isdecimal() for each in (*lengths, tries)):
            return cls(position)
        bounds: list[int] = []
        at = position
        for length in map(int, lengths):
            at += length
            bounds.append(at)
        return cls(position, bounds, int(tries))

    def metadata(self) -> str:
        """How many offsets from `position` on are undone, then done, then undone, and so on."""
        clauses: list[str] = []
        if self._bounds:
            starts = [self.position, *self._bounds]
            lengths = [end - start for start, end in zip(starts, self._bounds, strict=False)]
            clauses.append(" ".join([AHEAD, *map(str, lengths)]))
        if self.tried:
            clauses.append(f"{TRIED} {self.tried}")
        return ";".join(clauses)

    @property
    def end(self) -> int:
        """Behind the last offset that is done."""
        return self._bounds[-1] if self._bounds else self.position

    def copy(self) -> Progress:
        return Progress(self.position, self._bounds, self.tried)

    def __contains__(self, offset: int) -> bool:
        if not self._bounds:
            return offset < self.position
        return offset < self.position or bisect_right(self._bounds, offset) % 2 == 1

    def takes(self, start: int, end: int) -> bool:
        """Whether this range can be added and the metadata stays within its bounds."""
        if start <= self.position:
            return True
        if end - self.position > MOST_AHEAD:
            return False
        return len(self._bounds) < 2 * MOST_RANGES or start in self._bounds

    def add(self, start: int, end: int) -> None:
        """Offsets from `start` to before `end` are done; they may be known as done already."""
        bounds = self._bounds
        if start > self.position:
            first, last = bisect_left(bounds, start), bisect_right(bounds, end)
            # A begin or end that lies inside another range is none any more.
            bounds[first:last] = [start] * (first % 2 == 0) + [end] * (last % 2 == 0)
            return
        if end > self.position:
            self.position, self.tried = end, 0
        while bounds and bounds[0] <= self.position:
            self.position = max(self.position, bounds[1])
            del bounds[:2]


@dataclass(slots=True)
class _Partition:
    """One partition of ours. A record's range of offsets begins where the one before it ended."""

    progress: Progress
    taken: int  # the end of what was taken from it
    committed: int  # the offset that the broker has
    undone: dict[int, Record] = field(default_factory=dict[int, Record])  # by offset


@dataclass(frozen=True, slots=True)
class Batch:
    """Records for one transaction, and how far their partitions are read with them."""

    records: Sequence[Record]
    progress: dict[Place, Progress]


Committed = Callable[[list[Place]], dict[Place, Progress]]
"""How far partitions were read before they came to this session."""


class InFlight:
    """Records from when they are taken until they are committed. The stage's loop owns it.

    `records` and `bytes` are those in hand; `aside` counts records that wait for slow lanes, whose
    bytes those lanes bound.
    """

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0
        self.aside = 0
        self.commits = 0
        self._partitions: dict[Place, _Partition] = {}
        self._done: deque[Record] = deque()  # in the order in which they were done
        self._gave: set[Place] = set()  # partitions that have given a record
        self._begun: list[Place] = []

    def add(self, records: Sequence[Record], committed: Committed) -> list[Record]:
        """Take records; returns those that are not done already.

        `committed` is asked how far partitions were read before, when they first give something.
        """
        firsts: dict[Place, int] = {}
        for record in records:
            place = place_of(record)
            if place not in self._gave:
                firsts.setdefault(place, record.offset)
        if firsts:
            self._begin(firsts, committed)
            self._gave.update(firsts)
            self._begun += firsts
        fresh: list[Record] = []
        for record in records:
            partition = self._partitions[place_of(record)]
            record.start, end = partition.taken, record.offset + 1
            partition.taken = end
            if record.offset in partition.progress:
                partition.progress.add(record.start, end)
                continue
            partition.undone[record.offset] = record
            self.bytes += record.size
            fresh.append(record)
        self.records += len(fresh)
        return fresh

    def read_to(self, ends: Mapping[Place, int], committed: Committed) -> dict[Place, Progress]:
        """Before these offsets stands nothing that was not taken: but for records in flight they
        are done, whatever they hold (transaction markers, what was aborted or is deleted).

        Returns the partitions whose offset has moved by that, to be committed. `committed` is asked
        of partitions that have given nothing yet.
        """
        self._begin(ends, committed)
        for place, end in ends.items():
            one = self._partitions[place]
            if end > one.taken and one.progress.takes(one.taken, end):
                one.progress.add(one.taken, end)
                one.taken = end
        found = {place: self._partitions[place] for place in ends}
        return {
            place: one.progress.copy()
            for place, one in found.items()
            if one.progress.position != one.committed
        }

    def stands_at(self, progress: Mapping[Place, Progress]) -> None:
        """So far these partitions are committed."""
        for place, each in progress.items():
            self._partitions[place].committed = each.position

    def _begin(self, firsts: Mapping[Place, int], committed: Committed) -> None:
        unknown = [place for place in firsts if place not in self._partitions]
        known = committed(unknown) if unknown else {}
        for place in unknown:
            first, progress = firsts[place], known.get(place)
            at = 0 if progress is None else progress.position
            # A topic made anew begins before what was committed of the former one.
            if progress is None or progress.position > first:
                progress = Progress(first)
            self._partitions[place] = _Partition(progress, progress.position, at)

    def begun(self) -> list[Place]:
        """Partitions that have given their first records since this was asked."""
        begun, self._begun = self._begun, []
        return begun

    def progress(self, place: Place) -> Progress | None:
        """How far a partition is committed; None once it is no longer ours."""
        partition = self._partitions.get(place)
        return None if partition is None else partition.progress

    def undone(self) -> list[Record]:
        return [each for one in self._partitions.values() for each in one.undone.values()]

    def put_aside(self, record: Record) -> None:
        """It waits for a slow lane."""
        if self.holds(record):
            record.aside = True
            self.records -= 1
            self.bytes -= record.size
            self.aside += 1

    def done(self, records: Iterable[Record]) -> None:
        """These may be committed; those of partitions that are lost are left out."""
        self._done += [record for record in records if self.holds(record)]

    def holds(self, record: Record) -> bool:
        """Whether it is in flight still."""
        partition = self._partitions.get(place_of(record))
        return partition is not None and partition.undone.get(record.offset) is record

    def ready(self, most: int) -> Batch:
        """What may be committed now. It stays in flight until it is `settled`."""
        chosen: list[Record] = []
        progress: dict[Place, Progress] = {}
        full: set[Place] = set()
        passed: set[bytes | None] = set()  # keys of those that have to wait
        for record in self._done:
            if len(chosen) == most:
                break
            place = place_of(record)
            after = progress.get(place)
            if after is None:
                after = progress[place] = self._partitions[place].progress.copy()
            end = record.offset + 1
            # Behind one that has to wait, none of its partition goes but the very first: that one
            # cannot be of the same key. Nor does one of its key in another topic's partition.
            if (passed and order_key(record) in passed) or (
                record.start > after.position
                and (place in full or not after.takes(record.start, end))
            ):
                full.add(place)
                passed.add(order_key(record))
                passed.discard(None)
                continue
            after.add(record.start, end)
            chosen.append(record)
        return Batch(chosen, progress)

    def settled(self, batch: Batch) -> None:
        """A batch is committed."""
        self.commits += 1
        for place, progress in batch.progress.items():
            self._partitions[place].progress = progress
        self.stands_at(batch.progress)
        for record in batch.records:
            self._let_go(record)
            del self._partitions[place_of(record)].undone[record.offset]
        if len(batch.records) == len(self._done):
            self._done.clear()
            return
        gone = set(map(id, batch.records))
        self._done = deque(record for record in self._done if id(record) not in gone)

    def _let_go(self, record: Record) -> None:
        if record.aside:
            self.aside -= 1
        else:
            self.records -= 1
            self.bytes -= record.size

    def drop(self, place: Place) -> None:
        """Forget a partition that is no longer ours; whoever owns it reads its records again."""
        partition = self._partitions.pop(place, None)
        self._gave.discard(place)
        if partition is None:
            return
        for record in partition.undone.values():
            self._let_go(record)
            record.done = True  # no lane need begin it any more
        self._done = deque(each for each in self._done if place_of(each) != place)
