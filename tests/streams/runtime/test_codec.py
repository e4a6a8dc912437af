from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas import catalog
from schemas.events import FeedbackGiven, QuestionAsked
from schemas.topics import DOCS_CHANGES, RAG_ADMITTED, RAG_FEEDBACK, RAG_REQUESTS
from streams.flow.errors import Reject
from streams.runtime.codec import CONFLUENT, SINGLE_OBJECT, Codec

ASKED = QuestionAsked(tenant="acme", query="¿Qué?", filters={"lang": "es"}, top_k=3)


@dataclass
class FakeRegistry:
    """Ids by schema text; enough to prove the wire format, not a registry's rules."""

    subjects: dict[str, int] = field(default_factory=dict[str, int])
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        number = self.subjects.setdefault(subject, 100 + len(self.subjects))
        self.schemas[number] = schema
        return number

    def schema(self, schema_id: int) -> dict[str, Any]:
        if schema_id not in self.schemas:
            raise Reject(f"unknown schema: the registry has no id {schema_id}")
        return self.schemas[schema_id]


def _reason(topic: Any, value: bytes | None, codec: Codec | None = None) -> str:
    with pytest.raises(Reject) as caught:
        (codec or Codec()).decode(topic, value)
    return str(caught.value)


def test_an_event_survives_single_object_encoding() -> None:
    codec = Codec()
    value = codec.encode("rag.requests", ASKED)
    assert value.startswith(SINGLE_OBJECT + catalog.fingerprint("QuestionAsked"))
    assert codec.decode(RAG_REQUESTS, value) == ASKED


def test_an_event_survives_the_confluent_wire_format() -> None:
    codec = Codec(FakeRegistry())
    value = codec.encode("rag.requests", ASKED)
    assert value[:5] == CONFLUENT + (100).to_bytes(4, "big")
    assert codec.decode(RAG_REQUESTS, value) == ASKED


def test_readers_take_both_forms_whichever_is_configured() -> None:
    registry = FakeRegistry()
    assert Codec(registry).decode(RAG_REQUESTS, Codec().encode("rag.requests", ASKED)) == ASKED
    confluent = Codec(registry).encode("rag.requests", ASKED)
    assert "set MILLRACE_REGISTRY__URL" in _reason(RAG_REQUESTS, confluent)


def test_json_at_the_edge_fills_in_defaults() -> None:
    value = json.dumps({"tenant": "acme", "query": "¿Qué?", "filters": {"lang": "es"}, "top_k": 3})
    assert Codec().decode(RAG_REQUESTS, value.encode()) == ASKED


def test_json_may_escape_any_character() -> None:
    value = b'{"tenant": "a", "query": "\\ud83d\\ude00 \\u00e9 \\\\ud83d"}'
    assert Codec().decode(RAG_REQUESTS, value).query == "\U0001f600 \u00e9 \\ud83d"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"tenant": "a", "query": "q", "querry": 1}', "unknown field 'querry'; did you mean"),
        (b'{"tenant": "a"}', "missing field 'query'"),
        (b'{"tenant": "a", "query": 7}', "field 'query' must be a string, not a number"),
        (b'{"tenant": "a", "query": "q", "top_k": true}', "field 'top_k' must be a whole number"),
        (b'{"tenant": "a", "query": "q", "top_k": 99999999999}', "out of range"),
        (b'{"tenant": "a", "query": "q", "filters": {"x": 1}}', "field 'filters.x' must be a str"),
        (b'{"tenant": "a", "query": "q"', "not valid JSON"),
        (b'{"tenant": "a", "query": NaN}', "NaN is no JSON number"),
        (b'{"tenant": "\xff"}', "not UTF-8"),
        (b'{"tenant": "a", "query": "\\ud83d!"}', "half of a surrogate pair"),
        (b'{"tenant": "a", "query": "\\uDE00"}', "half of a surrogate pair"),
        (b"[1]", "neither a JSON object nor Avro"),
        (b"", "has no value"),
        (None, "has no value"),
        (b"\xc3\x01" + b"\x00" * 8, "unknown schema"),
    ],
)
def test_a_bad_record_is_rejected_with_what_is_wrong(value: bytes | None, said: str) -> None:
    assert said in _reason(RAG_REQUESTS, value)


def test_an_enum_names_its_symbols() -> None:
    from schemas.topics import DOCS_FEED

    assert "one of upsert, delete" in _reason(DOCS_FEED, b'{"op":"x","tenant":"a","doc_id":"d"}')


def test_internal_topics_take_no_json() -> None:
    assert "Avro only" in _reason(RAG_ADMITTED, b'{"question": {}}')


def test_truncated_and_overlong_avro_is_rejected() -> None:
    value = Codec().encode("rag.requests", ASKED)
    for cut in range(10, len(value)):
        _reason(RAG_REQUESTS, value[:cut])
    assert "bytes after its QuestionAsked" in _reason(RAG_REQUESTS, value + b"\x00")


def test_another_event_on_the_topic_is_rejected_by_name() -> None:
    value = Codec().encode("rag.feedback", FeedbackGiven(request_id="1", tenant="a", rating=1))
    assert Codec().decode(RAG_FEEDBACK, value).rating == 1
    assert "is a FeedbackGiven, and DocumentChanged belongs here" in _reason(DOCS_CHANGES, value)


def test_a_record_of_another_version_says_what_to_do_about_it() -> None:
    for value, codec in (
        (SINGLE_OBJECT + b"\x07" * 8 + b"rest", Codec()),
        (_of_another_version(registry := FakeRegistry()), Codec(registry)),
    ):
        reason = _reason(RAG_ADMITTED, value, codec)
        assert "another version of Millrace wrote it" in reason
        assert "remove that of MILLRACE_DATA" in reason


def _of_another_version(registry: FakeRegistry) -> bytes:
    """A question as it was admitted before `carried`, under a schema that the registry knows."""
    field = {"name": "degraded", "type": {"type": "array", "items": "string"}}
    schema = {"type": "record", "name": "io.millrace.QuestionAdmitted", "fields": [field]}
    return CONFLUENT + registry.register("rag.admitted-value", schema).to_bytes(4, "big") + b"\0"


def test_deeply_nested_json_is_rejected_not_a_crash() -> None:
    assert "JSON" in _reason(RAG_REQUESTS, b'{"tenant":' + b"[" * 200_000)
