"""`admit`: is this a question that may be answered? Shape, tenant, length, deadline, duplicates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from processors.needs import REQUESTS
from processors.places import QUESTIONS
from processors.ports import RequestLog
from processors.questions.answers import ended, salvage, settle_asked
from schemas import topics
from schemas.events import Question, QuestionAdmitted, QuestionAnswered, QuestionAsked, Versions
from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Promise, Received
from streams.flow.port import Opened
from streams.flow.stage import Stage, edge_stage
from streams.flow.topic import To, outputs

TENANT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
ABSOLUTE_MS = 10**11  # above it, `deadline_ms` is a time; below it, a span
MOST_TOP_K = 50
LATEST_MS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AdmitConfig:
    """What a question may be. No tenants means that any well-formed tenant may ask."""

    tenants: frozenset[str] = frozenset()
    max_query_chars: int = 4000
    default_deadline_ms: int = 30_000
    default_top_k: int = 10
    reply_topics: frozenset[str] = field(default_factory=frozenset[str])


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when a request was written."""

    position: str
    timestamp: int  # milliseconds since the epoch
    now: int


def assigned_request_id(position: str, timestamp_ms: int) -> str:
    """A UUIDv7 (RFC 9562) whose random bits follow from the record's place in the log.

    So a record that is processed again gets the same id, and its answer stays one answer.
    """
    tail = hashlib.blake2b(position.encode(), digest_size=10).digest()
    value = (timestamp_ms & (2**48 - 1)) << 80 | int.from_bytes(tail, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def refusals(event: QuestionAsked, config: AdmitConfig) -> list[str]:
    """Everything that is wrong with a request, in words for the one who sent it."""
    reasons: list[str] = []
    if not TENANT.fullmatch(event.tenant):
        reasons.append("tenant must be 1 to 64 letters, digits, '.', '_' or '-'")
    elif config.tenants and event.tenant not in config.tenants:
        reasons.append(f"tenant '{event.tenant}' is unknown")
    if not event.query.strip():
        reasons.append("query is empty")
    elif len(event.query) > config.max_query_chars:
        reasons.append(
            f"query has {len(event.query):,} characters; at most {config.max_query_chars:,}"
        )
    if event.top_k is not None and not 1 <= event.top_k <= MOST_TOP_K:
        reasons.append(f"top_k is {event.top_k}; it must be 1 to {MOST_TOP_K}")
    if event.reply_to and event.reply_to not in config.reply_topics:
        reasons.append(
            f"reply_to '{event.reply_to}' is not among the topics that MILLRACE_REPLY_TOPICS allows"
        )
    return reasons


def _with_reply(
    event: QuestionAsked, answer: QuestionAnswered, config: AdmitConfig
) -> Iterable[QuestionAnswered | To]:
    yield answer
    if event.reply_to and event.reply_to in config.reply_topics:
        yield To(event.reply_to, answer)


def admit(
    event: QuestionAsked,
    arrival: Arrival,
    *,
    config: AdmitConfig,
    log: RequestLog,
    versions: Versions,
) -> Iterable[QuestionAdmitted | QuestionAnswered | To]:
    """Admit a question, or answer at once why not.

    Raises:
        Reject: another record brought this request id before; it has its answer already.
    """
    request_id = event.request_id or assigned_request_id(arrival.position, arrival.timestamp)
    if len(request_id) > 200:
        raise Reject(f"request_id has {len(request_id)} characters; at most 200")
    if reasons := refusals(event, config):
        refused = ended(request_id, event.tenant, "refused", "; ".join(reasons), versions)
        yield from _with_reply(event, refused, config)
        return
    degraded: list[str] = []
    if event.request_id:
        try:
            first = log.claim(event.tenant, request_id, arrival.position)
        except Retry:
            # Asking twice is better than not answering: duplicates are let through, and said so.
            first = arrival.position
            degraded.append("admit: duplicates unchecked")
        if first != arrival.position:
            raise Reject(
                f"duplicate request_id '{request_id}': it came first at {first}", answered=True
            )
    deadline = event.deadline_ms if event.deadline_ms is not None else config.default_deadline_ms
    deadline_at = deadline if deadline > ABSOLUTE_MS else arrival.timestamp + deadline
    deadline_at = min(deadline_at, LATEST_MS)
    if deadline_at < arrival.now:
        late = arrival.now - deadline_at
        reason = f"the deadline passed {late} ms before the question was read"
        expired = ended(request_id, event.tenant, "expired", reason, versions)
        yield from _with_reply(event, expired, config)
        return
    question = Question(
        request_id=request_id,
        tenant=event.tenant,
        query=event.query.strip(),
        session_id=event.session_id,
        user=event.user,
        filters=event.filters,
        top_k=event.top_k or config.default_top_k,
        deadline_at=deadline_at,
        reply_to=event.reply_to,
        asked_at=arrival.timestamp,
    )
    yield QuestionAdmitted(question=question, degraded=degraded, timings_ms={})


NEVER = 2**63 - 1


def _arrived(
    record: Received[QuestionAsked],
    *,
    config: AdmitConfig,
    log: RequestLog,
    versions: Versions,
    now: Callable[[], int],
) -> Iterable[QuestionAdmitted | QuestionAnswered | To]:
    arrival = Arrival(record.position, record.timestamp, now())
    return admit(record.event, arrival, config=config, log=log, versions=versions)


def stage(config: AdmitConfig, versions: Versions, now: Callable[[], int]) -> Stage:
    """`admit` in the topology."""

    def make(opened: Opened):
        return partial(_arrived, config=config, log=opened[REQUESTS], versions=versions, now=now)

    return edge_stage(
        "admit",
        reads=topics.RAG_REQUESTS,
        make=make,
        writes=outputs(topics.RAG_ADMITTED, topics.RAG_ANSWERS),
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[REQUESTS],
        promise=Promise(
            lambda _: NEVER,  # it knows itself when a question is late
            partial(settle_asked, versions=versions),
            partial(salvage, versions=versions),
        ),
    )
