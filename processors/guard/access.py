"""Who may see a document: what it is labelled with, and what somebody may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

EVERYONE = "*"  # on an access list: all of the tenant
UNCLASSIFIED = "unclassified"  # the class of what has none


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may see of their tenant's documents, for a store to filter by.

    A document is found if all of its classes are among `classes`, and one of its access list is
    among `groups`. So one without either is found by nobody, and nothing by an empty `Access`.
    """

    classes: frozenset[str] = field(default_factory=frozenset[str])
    groups: frozenset[str] = field(default_factory=frozenset[str])

    def allows(self, classes: Iterable[str], acl: Iterable[str]) -> bool:
        """What every store's filter has to agree with."""
        return self.classes.issuperset(classes) and not self.groups.isdisjoint(acl)


NOTHING = Access()
