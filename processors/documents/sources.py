"""What a source holds is compared with what was fed of it: the difference is fed.

A source is a folder, a repository or a bucket that somebody else changes. What it holds when it is
looked at decides, never what was told of it: an event that is late, lost or repeated harms nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

# So few documents may go at once without anybody's word.
FEW = 10


class Item(NamedTuple):
    """One thing that a source holds; another `mark` means another content."""

    mark: str
    size: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source holds now, by name.

    `unseen` says of names, and of what stands below them, why they could not be looked at: whether
    they are there is not known. `left` says of what is there why it is not fed.
    """

    items: Mapping[str, Item]
    unseen: Mapping[str, str] = field(default_factory=dict[str, str])
    left: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of an item, with the mark of just this content."""

    data: bytes
    mark: str
    changed_at: int  # milliseconds since the epoch
    uri: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class Unread(Exception):  # noqa: N818
    """An item cannot be read, and why; what was fed of it before stays."""


class Source(Protocol):
    """Where documents are kept by somebody else."""

    @property
    def name(self) -> str:
        """What it is remembered by."""
        ...

    def listing(self) -> Listing:
        """All that it holds.

        Raises:
            UserError: it cannot be listed to its end. So it is never taken for empty.
        """
        ...

    def read(self, name: str) -> Content:
        """What an item holds now.

        Raises:
            Unread: it went meanwhile, or cannot be read.
            UserError: the source does not answer.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Return once something may have changed, or after so many seconds."""
        ...


class NoNotice(Exception):  # noqa: N818
    """What came for a notice of a change is none, and why."""


@runtime_checkable
class Telling(Source, Protocol):
    """A source that tells which of its items to look at."""

    def named(self, notice: bytes) -> list[str]:
        """The names that a notice is about, none where it is about another source.

        Raises:
            NoNotice: it is no notice.
        """
        ...

    def of(self, names: Collection[str]) -> Listing:
        """What it holds of these names; what is left out there is not held any more.

        Raises:
            UserError: it cannot be told of all of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be fed and what is to be removed, by name, in order."""

    new: list[str]
    gone: list[str]
    withheld: str = ""  # why nothing is removed, though `gone` says what would be


def difference(listing: Listing, known: Mapping[str, str], most_removed: float) -> Difference:
    """What changed against what was fed: `known` has the mark of each name.

    Where nothing is there any more, or more than the share `most_removed` of what is known would be
    lost, nothing is removed: more often than not that is a disk that is not mounted, or an address
    that is wrong. What is there under another name is not lost.
    """
    new = [name for name, item in listing.items.items() if known.get(name) != item.mark]
    hidden = Hidden(listing.unseen)
    gone = [name for name in known if name not in listing.items and name not in hidden]
    there = {item.mark for item in listing.items.values()}
    lost = sum(known[name] not in there for name in gone)
    withheld = ""
    if gone and not there and most_removed < 1:
        withheld = f"it holds none of the {len(known):,} documents that were fed from it"
    elif lost > max(FEW, len(known) * most_removed):
        withheld = f"{lost:,} of the {len(known):,} documents that were fed from it are not there"
    return Difference(sorted(new), sorted(gone), withheld)


class Hidden:
    """Names that could not be looked at, and whatever stands below them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def __contains__(self, name: object) -> bool:
        if not self._names:
            return False
        parts = str(name).split("/")
        return any("/".join(parts[:n]) in self._names for n in range(len(parts) + 1))
