"""What a tenant's chunks say, asked of OpenSearch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from connectors.opensearch.documents import acronym
from connectors.opensearch.searching import seen
from connectors.opensearch.template import field_of
from processors.guard.access import Access

_MOST = 500  # words of one request
_LONG_FORMS = 1_000  # acronyms of the chunks that have one


class TenantWords:
    """`Words` of what somebody may see of a tenant; `search` sends a search and returns what it
    answers."""

    def __init__(self, search: Callable[[Any], Any], tenant: str, access: Access) -> None:
        self._search = search
        self._tenant = tenant
        self._seen = seen(tenant, access)
        self._field = f"said.{field_of(tenant)}.words"

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        """Each word is looked up by itself: of most, no chunk has any."""
        asked, found = sorted(words), dict[str, int]()
        for at in range(0, len(asked), _MOST):
            some = asked[at : at + _MOST]
            counted = {word: {"term": {self._field: word}} for word in some}
            body = {
                "size": 0,
                "query": self._of({"terms": {self._field: some}}),
                "aggs": {"having": {"filters": {"filters": counted}}},
            }
            said = self._search(body)["aggregations"]["having"]["buckets"]
            found |= {word: n for word in some if (n := said[word]["doc_count"])}
        return found

    def _of(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {"bool": {"filter": [*self._seen, wanted]}}

    def long_forms(self, short: str) -> Mapping[str, int]:
        start = acronym(self._tenant, short)
        body = {
            "size": 0,
            "query": self._of({"prefix": {"acronyms": start}}),
            "aggs": {"long": {"terms": {"field": "acronyms", "size": _LONG_FORMS}}},
        }
        buckets = self._search(body)["aggregations"]["long"]["buckets"]
        return {
            each["key"].removeprefix(start): each["doc_count"]
            for each in buckets
            if each["key"].startswith(start)
        }
