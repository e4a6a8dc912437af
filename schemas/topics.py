"""Every topic: its event, key, retention and compaction. Partition counts come from settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from schemas import measures, sound
from schemas.access import COMING
from schemas.events import (
    BudgetStood,
    ChunksRetrieved,
    DeadLettered,
    DocumentChanged,
    DocumentChunked,
    DocumentEmbedded,
    DocumentFed,
    DocumentFollowed,
    DocumentIndexed,
    DocumentVersion,
    FeedbackGiven,
    FeedbackJoined,
    FeedbackState,
    GenerationRequested,
    IndexOwned,
    PartialAnswer,
    QuestionAdmitted,
    QuestionAnswered,
    QuestionAsked,
    QuestionClosed,
    QuestionRewritten,
    TenantControlled,
    UsageRecorded,
)
from streams.flow.topic import MIB, Diverted, Gone, Topic

ACCESS = "access"


def document_key(document: DocumentFed | DocumentVersion | DocumentFollowed) -> str:
    """`tenant/doc_id`: one document's versions stay in one partition, in order."""
    return f"{document.tenant}/{document.doc_id}"


def _version_key(
    event: DocumentChanged | DocumentChunked | DocumentEmbedded | DocumentIndexed,
) -> str:
    """`tenant/doc_id`, and behind a zero byte the part, where there are several."""
    return document_key(event.document)


def question_key(
    event: QuestionAdmitted
    | QuestionRewritten
    | ChunksRetrieved
    | GenerationRequested
    | QuestionClosed,
) -> str:
    """`tenant/session_id`, else `tenant/request_id`: a session's questions stay in order."""
    question = event.carried.question
    return f"{question.tenant}/{question.session_id or question.request_id}"


def _asked_key(event: QuestionAsked) -> str:
    """`tenant/session_id`, else `tenant/request_id`."""
    return f"{event.tenant}/{event.session_id or event.request_id or ''}"


def _request_key(
    event: QuestionAnswered | FeedbackGiven | FeedbackState | PartialAnswer,
) -> str:
    return f"{event.tenant}/{event.request_id}"


def _closed_key(event: QuestionClosed) -> str:
    """`tenant/request_id`: what feedback knows of its question."""
    return _request_key(event.answer)


def _joined_key(event: FeedbackJoined) -> str:
    """`tenant/request_id`."""
    return _request_key(event.feedback)


def _stamp(event: DocumentChanged | DocumentChunked) -> tuple[int, ...]:
    document = event.document
    if document.op == "access":  # it neither supersedes a text nor is superseded by one
        return ()
    return document.version, document.sequence, document.generation


def _part(event: DocumentChanged) -> str:
    """The last that was said of who may see a document is kept beside its versions."""
    document = event.document
    if document.op == "access":  # what is to come takes no place of what was said
        return COMING if document.access_of == COMING else ACCESS
    return _part_name(event.part, document.version, document.sequence)


def _standing(event: DocumentIndexed) -> str:
    """Under a document's own key stands how it became searchable last.

    Compaction keeps that. What was only begun, or superseded, has a key of its own beside it.
    """
    if event.document.op == "access":
        return ACCESS
    if event.superseded:
        return "superseded"
    return "" if event.last else "begun"


def _part_name(part: int, version: int, sequence: int) -> str:
    """What tells a part of a version from all others of its document.

    So nothing on docs.changes replaces a version because it came later: it may be an older one, and
    the newest may stand on docs.changes.bulk. `index` forgets what a newer version has replaced.
    """
    return f"{part}.{version}.{sequence}"


def _bulk(event: DocumentChunked | DocumentEmbedded) -> bool:
    """What is chunked again is bulk too, wherever it stands in the log."""
    return event.document.bulk or event.document.generation > 0


def _dead_key(event: DeadLettered) -> str:
    """`topic/partition` of the record."""
    return f"{event.topic}/{event.partition}"


# A producer sends a document as one record; from `ingest` on, a long one travels in parts.
# The cap is above the size limit of a document, so that one over it gets a dead letter that says
# so; dead letters carry the whole original.
DOCS_FEED = Topic("docs.feed", DocumentFed, document_key, edge=True, max_bytes=32 * MIB)
DOCS_FEED_BULK = replace(DOCS_FEED, name="docs.feed.bulk", bulk=True)
# What was fed of each document by the source that is followed, in the transaction that fed it.
DOCS_SOURCES = Topic("docs.sources", DocumentFollowed, document_key, compacted=True)
DOCS_CHANGES_BULK = Topic(
    "docs.changes.bulk",
    DocumentChanged,
    _version_key,
    compacted=True,
    part=_part,
    stamp=_stamp,
    bulk=True,
)
DOCS_CHANGES = Topic(
    "docs.changes",
    DocumentChanged,
    _version_key,
    compacted=True,
    part=_part,
    stamp=_stamp,
    diverted=Diverted(DOCS_CHANGES_BULK, lambda event: event.document.bulk),
)
# What `reindex` has chunked again: in the log it stands already.
DOCS_REINDEX = Topic(
    "docs.reindex", DocumentChanged, _version_key, retention_hours=24, stamp=_stamp, bulk=True
)
DOCS_CHUNKS_BULK = Topic(
    "docs.chunks.bulk", DocumentChunked, _version_key, retention_hours=24, stamp=_stamp, bulk=True
)
DOCS_CHUNKS = Topic(
    "docs.chunks",
    DocumentChunked,
    _version_key,
    retention_hours=24,
    stamp=_stamp,
    diverted=Diverted(DOCS_CHUNKS_BULK, _bulk),
)
DOCS_VECTORS_BULK = Topic(
    "docs.vectors.bulk",
    DocumentEmbedded,
    _version_key,
    retention_hours=24,
    bulk=True,
    sound=sound.vectors,
)
DOCS_VECTORS = Topic(
    "docs.vectors",
    DocumentEmbedded,
    _version_key,
    retention_hours=24,
    diverted=Diverted(DOCS_VECTORS_BULK, _bulk),
    sound=sound.vectors,
)
# Who waits for an acknowledgement reads each; `reindex` reads the last one of each document.
DOCS_INDEXED = Topic(
    "docs.indexed",
    DocumentIndexed,
    _version_key,
    compacted=True,
    part=_standing,
    whole_hours=12,
    measures=measures.of_indexed,
)
DOCS_DLQ = Topic("docs.dlq", DeadLettered, _dead_key, retention_hours=30 * 24, max_bytes=40 * MIB)
# Who had the index last; and who reads this one partition has it now.
INDEX_OWNERS = Topic(
    "index.owners", IndexOwned, lambda event: event.index, compacted=True, partitions=1
)

RAG_REQUESTS = Topic("rag.requests", QuestionAsked, _asked_key, edge=True)


def requests_of(tenant: str) -> Topic[QuestionAsked]:
    """Where one tenant asks, if it is the topic that says who asks."""
    return replace(RAG_REQUESTS, name=f"{RAG_REQUESTS.name}.{tenant}")


RAG_ADMITTED = Topic("rag.admitted", QuestionAdmitted, question_key)
RAG_REWRITTEN = Topic("rag.rewritten", QuestionRewritten, question_key)
RAG_RETRIEVED = Topic("rag.retrieved", ChunksRetrieved, question_key, sound=sound.candidates)
RAG_GENERATE = Topic(
    "rag.generate", GenerationRequested, question_key, suffix=lambda event: event.tier
)
RAG_ANSWERS = Topic("rag.answers", QuestionAnswered, _request_key, retention_hours=30 * 24)
# For those who ask for it: written outside transactions, so some may be lost or come twice.
RAG_PARTIALS = Topic("rag.partials", PartialAnswer, _request_key, retention_hours=1)
# How each question ended, for all that learn from it; `rag.answers` is for whoever asked.
RAG_CLOSED = Topic(
    "rag.closed",
    QuestionClosed,
    question_key,
    retention_hours=30 * 24,
    measures=measures.of_closed,
)
RAG_FEEDBACK = Topic(
    "rag.feedback", FeedbackGiven, _request_key, edge=True, retention_hours=30 * 24
)
# The two sides of the join, each under `tenant/request_id` in the same partition; see `rekey`.
RAG_CLOSED_REQUESTS = Topic("rag.closed.requests", QuestionClosed, _closed_key)
RAG_FEEDBACK_REQUESTS = Topic("rag.feedback.requests", FeedbackGiven, _request_key)
# How late feedback may come: its question is kept so long, or it waits so long for that.
RAG_FEEDBACK_STATE = Topic(
    "rag.feedback.state",
    FeedbackState,
    _request_key,
    retention_hours=30 * 24,
    compacted=True,
    expires=True,
)
RAG_FEEDBACK_JOINED = Topic(
    "rag.feedback.joined",
    FeedbackJoined,
    _joined_key,
    retention_hours=30 * 24,
    measures=measures.of_feedback,
)
# Each model call; a provider's invoice may come when the month after is over. A tenant's are in one
# partition, so that what adds them up has all of them in order.
RAG_USAGE = Topic("rag.usage", UsageRecorded, lambda event: event.tenant, retention_hours=92 * 24)
# How each tenant stands with its budget; the newest of each is kept.
RAG_BUDGETS = Topic("rag.budgets", BudgetStood, lambda event: event.tenant, compacted=True)
# Who is suspended, followed by whoever takes something of a tenant.
CONTROL_TENANTS = Topic(
    "control.tenants", TenantControlled, lambda event: event.tenant, compacted=True
)
RAG_DLQ = Topic("rag.dlq", DeadLettered, _dead_key, retention_hours=30 * 24, max_bytes=2 * MIB)


def gone(
    document: str, version: int, sequence: int, parts: Iterable[int], *, bulk: bool
) -> list[Gone]:
    """Forgets these parts of a version of the document with this key."""
    topic = DOCS_CHANGES_BULK if bulk else DOCS_CHANGES
    return [Gone(topic, document, _part_name(part, version, sequence)) for part in parts]
