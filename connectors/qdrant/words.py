"""What a tenant's chunks say, asked of Qdrant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectors.qdrant.client import Guarded
from connectors.qdrant.points import any_of, keyword, seen
from processors.guard.access import Access

_SECONDS = 2
_MOST = 64  # words that are asked about together, before each is counted
_LONG_FORMS = 1_000  # acronyms of the chunks that have one


class TenantWords:
    """`Words` of what somebody may see of one tenant."""

    def __init__(
        self, client: Any, calling: Guarded, collection: str, tenant: str, access: Access
    ) -> None:
        self._client = client
        self._calling = calling
        self._name = collection
        self._tenant, self._access = tenant, access

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        """Of most words no chunk has any: so they are asked about many at once, and halved."""
        asked, found = sorted(words), dict[str, int]()
        left = [asked[at : at + _MOST] for at in range(0, len(asked), _MOST)]
        while left:
            some = left.pop()
            count = self._count(some)
            if count and len(some) == 1:
                found[some[0]] = count
            elif count:
                half = len(some) // 2
                left += [some[:half], some[half:]]
        return found

    def _count(self, words: Collection[str]) -> int:
        which = seen(self._tenant, self._access, [any_of("words", words)])
        with self._calling():
            return self._client.count(self._name, which, exact=True, timeout=_SECONDS).count

    def long_forms(self, short: str) -> Mapping[str, int]:
        which = seen(self._tenant, self._access, [keyword("shorts", short)])
        with self._calling():
            said = self._client.facet(
                self._name,
                "acronyms",
                facet_filter=which,
                limit=_LONG_FORMS,
                exact=True,
                timeout=_SECONDS,
            )
        start = f"{short}\x1f"
        return {
            hit.value.removeprefix(start): hit.count
            for hit in said.hits
            if hit.value.startswith(start)
        }
