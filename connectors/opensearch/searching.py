"""A question as a search of OpenSearch, and what it answers as a ranking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from connectors.bm25.encoder import K1, marks_asked
from connectors.opensearch.client import reason
from connectors.opensearch.documents import term
from connectors.opensearch.template import field_of
from connectors.payloads import tag
from processors.guard.access import Access
from processors.ports import Ranking, SearchQuery
from streams.flow.errors import Retry

MISSING = 404
# Of a question: OpenSearch takes 1,024 clauses in a search, and refuses the whole of longer ones.
_MOST_WORDS = 400
_WORD = re.compile(r"[^\W_]+")
# Lucene leaves this factor of BM25 out, since it changes no order. Trees that re-order have learned
# from scores that have it.
_OF_BM25 = K1 + 1


def body_of(query: SearchQuery, text: str) -> dict[str, Any]:
    """One variant of a question; tenant and filters are the store's to hold."""
    field = field_of(query.tenant)
    allowed = seen(query.tenant, query.access)
    allowed += [{"term": {"tags": term(tag(name, value))}} for name, value in query.filters.items()]
    wanted: list[dict[str, Any]] = [{"match": {f"said.{field}": _short(text)}}]
    if marks := _short(marks_asked(text)):
        wanted.append({"match": {f"named.{field}": marks}})
    return {
        "size": query.limit,
        "_source": False,
        "track_total_hits": False,
        "query": {"bool": {"should": wanted, "minimum_should_match": 1, "filter": allowed}},
    }


def seen(tenant: str, access: Access) -> list[dict[str, Any]]:
    """What somebody may see of a tenant's."""
    classes = {"terms": [*access.classes], "minimum_should_match_field": "needed"}
    return [
        {"term": {"tenant": tenant}},
        {"terms": {"acl": [*access.groups]}},
        {"terms_set": {"classes": classes}},
    ]


def _short(text: str) -> str:
    """The text, or its first words where it has too many."""
    words = [*islice(_WORD.finditer(text), _MOST_WORDS + 1)]
    return text if len(words) <= _MOST_WORDS else text[: words[-1].start()]


def ranking_of(said: Mapping[str, Any]) -> Ranking | None:
    """The hits of one variant; None: there is no such index.

    Raises:
        Retry: this one search failed, or a shard does not answer.
    """
    if said.get("error"):
        if said["status"] == MISSING:
            return None
        raise Retry(f"OpenSearch did not search: {reason(said)}")
    if failed := said["_shards"]["failed"]:
        raise Retry(f"OpenSearch did not search {failed} of its shards")
    hits = said["hits"]["hits"]
    return Ranking([hit["_id"] for hit in hits], [hit["_score"] * _OF_BM25 for hit in hits])
