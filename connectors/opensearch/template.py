"""How an index in OpenSearch is made: analyzers, scoring, fields, and what it was made for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from connectors.bm25.encoder import K1, B

# The words of the embedded index's list, so that both find nothing of the same questions.
_STOP = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
hers herself it its itself they them their theirs themselves what which who whom this that these
those am is are was were be been being have has had having do does did doing a an the and but if or
because as until while of at by for with about against between into through during before after
above below to from up down in out on off over under again further then once here there when where
why how all any both each few more most other some such no nor not only own same so than too very s
t can will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn haven isn ma
mightn mustn needn shan shouldn wasn weren won wouldn
"""

# Letters and digits of any script; what joins them is for the identifiers' own field.
_WORD = r"[^\p{L}\p{M}\p{N}]+"
_LONGEST = 255  # characters of a word; of longer ones, such as a picture in base64, nobody asks
ANALYSIS: dict[str, Any] = {
    "tokenizer": {"millrace_word": {"type": "pattern", "pattern": _WORD}},
    "filter": {
        "millrace_stop": {"type": "stop", "stopwords": _STOP.split()},
        "millrace_stem": {"type": "stemmer", "language": "porter2"},
        "millrace_length": {"type": "length", "min": 1, "max": _LONGEST},
    },
    "analyzer": {
        "millrace_said": {
            "type": "custom",
            "tokenizer": "millrace_word",
            "filter": ["lowercase", "millrace_length", "millrace_stop", "millrace_stem"],
        },
        "millrace_word": {
            "type": "custom",
            "tokenizer": "millrace_word",
            "filter": ["lowercase", "millrace_length"],
        },
        # Identifiers come as keys, one for all spellings: see processors/text/identifiers.py.
        "millrace_name": {
            "type": "custom",
            "tokenizer": "whitespace",
            "filter": ["millrace_length"],
        },
    },
}
_SIMILARITY = {
    "millrace_said": {"type": "BM25", "k1": K1, "b": B},
    # As the embedded index weighs them: a passage is not the longer for what it mentions.
    "millrace_name": {"type": "BM25", "k1": K1 * (1 - B), "b": 0},
}
_KEYWORD = {"type": "keyword"}
# A field a tenant: its statistics, and so how rare a word is, are that tenant's alone, and no
# question can match what another's field has.
_TENANTS = {"type": "object", "dynamic": True}
_FIELDS: dict[str, Any] = {
    "kind": _KEYWORD,
    "chunk": _KEYWORD,
    "document": _KEYWORD,
    "tenant": _KEYWORD,
    "tags": _KEYWORD,
    "acl": _KEYWORD,
    "classes": _KEYWORD,
    "needed": {"type": "integer"},  # how many classes
    "acronyms": _KEYWORD,
    "said": _TENANTS,
    "named": _TENANTS,
    "payload": {"type": "object", "enabled": False},
    "fence": {"type": "object", "enabled": False},
}
_SAID = {
    "type": "text",
    "analyzer": "millrace_said",
    "similarity": "millrace_said",
    "index_options": "freqs",
    "fields": {
        "words": {
            "type": "text",
            "analyzer": "millrace_word",
            "index_options": "docs",
            "norms": False,
        }
    },
}
_NAMED = {
    "type": "text",
    "analyzer": "millrace_name",
    "similarity": "millrace_name",
    "index_options": "freqs",
}
_MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "dynamic_templates": [
        {"said": {"path_match": "said.*", "mapping": _SAID}},
        {"named": {"path_match": "named.*", "mapping": _NAMED}},
    ],
    "_source": {"excludes": ["said", "named", "acronyms"]},  # the payload has them
    "properties": _FIELDS,
}
_MADE = [ANALYSIS, _SIMILARITY, _MAPPINGS]
ANALYZER = hashlib.sha256(json.dumps(_MADE, sort_keys=True).encode()).hexdigest()[:12]
"""Changes with whatever decides what a stored chunk is found by."""


def template(prefix: str, *, shards: int, replicas: int, tenants: int) -> dict[str, Any]:
    """The index template; a template of higher priority may say otherwise of shards and such."""
    return {
        "index_patterns": [f"{prefix}*"],
        "priority": 100,
        "template": {
            "settings": {
                "number_of_shards": shards,
                "number_of_replicas": replicas,
                "refresh_interval": "1s",
                # How long a late write of an older fence is told from a new chunk.
                "gc_deletes": "1h",
                "mapping": {"total_fields": {"limit": 3 * tenants + 100}},
                "analysis": ANALYSIS,
                "similarity": _SIMILARITY,
            },
            "mappings": _MAPPINGS,
        },
    }


def meta(dimensions: int, model: str) -> dict[str, Any]:
    """What an index is made for, as its mapping says it."""
    return {"millrace": {"dimensions": dimensions, "model": model, "analyzer": ANALYZER}}


def field_of(tenant: str) -> str:
    """The name of a tenant's field: any tenant's makes one, and none has a dot."""
    return hashlib.blake2b(tenant.encode(), digest_size=10).hexdigest()
