"""`admit`: is this a question that may be answered? Shape, tenant, length, deadline, duplicates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from processors.exceeded import exceeded
from processors.guard.asking import may_ask
from processors.guard.decision import Decision
from processors.guard.identity import TOKEN, TOPIC, TRUST, Identity
from processors.guard.personal import masked
from processors.guard.ports import Policy
from processors.guard.proving import Proving, UnprovenError, by_token, by_topic, trusted
from processors.money.admission import Admission
from processors.needs import POLICY, PRESSURE, PURSE, REQUESTS, SUSPENSIONS, TOKENS
from processors.places import QUESTIONS
from processors.ports import Pressure, RequestLog
from processors.questions.answers import Ended, close, salvage, settle_asked, unproven
from processors.questions.carried import decided, degraded, made_with
from schemas import topics
from schemas.events import (
    Carried,
    Question,
    QuestionAdmitted,
    QuestionAsked,
    QuestionRewritten,
    Versions,
)
from streams.flow.errors import Reject, Retry, UserError
from streams.flow.outcome import Promise, Received
from streams.flow.port import Opened, Port
from streams.flow.stage import Stage, edge_stage
from streams.flow.topic import outputs

TENANT_CHARS = 64
TENANT = re.compile(rf"[a-zA-Z0-9][a-zA-Z0-9._-]{{0,{TENANT_CHARS - 1}}}")
TOPIC_CHARS = 249  # of a topic's name, Kafka's limit
MOST_AROUND = 64 * 1024
ABSOLUTE_MS = 10**11  # above it, `deadline_ms` is a time; below it, a span
MOST_TOP_K = 50
KEPT_CHARS = 4000  # of a refused question
LATEST_MS = 2**63 - 1
WAITED = 0.5  # of the time that a question has, and may wait for others


@dataclass(frozen=True, slots=True)
class AdmitConfig:
    """What a question may be. No tenants means that any well-formed tenant may ask.

    `reworded` says whether a model words questions in other ways: else only those of a session
    need `rewrite`.
    """

    tenants: frozenset[str] = frozenset()
    default_deadline_ms: int = 30_000
    default_top_k: int = 10
    reply_topics: frozenset[str] = field(default_factory=frozenset[str])
    reworded: bool = True
    identity: str = TRUST  # how it is known who asks


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when a request was written."""

    position: str
    offset: int
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
    reasons += exceeded(event)
    if (size := _around(event)) > MOST_AROUND:
        reasons.append(f"session_id, user and filters have {size:,} bytes; at most {MOST_AROUND:,}")
    if event.top_k is not None and not 1 <= event.top_k <= MOST_TOP_K:
        reasons.append(f"top_k is {event.top_k}; it must be 1 to {MOST_TOP_K}")
    if event.reply_to and event.reply_to not in config.reply_topics:
        name = event.reply_to[:TOPIC_CHARS]
        reasons.append(
            f"reply_to '{name}' is not among the topics that MILLRACE_REPLY_TOPICS allows"
        )
    return reasons


def admit(
    event: QuestionAsked,
    arrival: Arrival,
    *,
    config: AdmitConfig,
    log: RequestLog,
    versions: Versions,
    policy: Policy,
    who: Identity,
    admission: Admission | None = None,
    pressure: Pressure | None = None,
) -> Iterable[QuestionAdmitted | QuestionRewritten | Ended]:
    """Admit a question, or answer at once why not: by its shape, then by the policy.

    Raises:
        Reject: another record brought this request id before; it has its answer already.
    """
    request_id = _request_id(event, arrival)
    question = _question(event, who, request_id, arrival, config)
    carried = Carried(question=question, versions=versions)
    if reasons := refusals(event, config):
        carried = _told_where(carried, policy, who, event)
        carried = replace(carried, question=_cut(carried.question, event))
        yield from close(carried, "refused", arrival.now, reasons=["; ".join(reasons)])
        return
    decision = may_ask(policy, who, event)
    carried = _noted(carried, decision)
    if not decision.allowed:
        carried = _told_where(carried, policy, who, event)
        # What was refused for what it holds must not lie about in topics.
        query = masked(carried.question.query)[:KEPT_CHARS]
        carried = replace(carried, question=replace(carried.question, query=query))
        said = "; ".join(decision.reasons)
        yield from close(carried, "refused", arrival.now, reasons=[said])
        return
    why = admission.refusal(who.tenant, arrival.position) if admission is not None else ""
    if why := why or _too_much(carried.question, arrival.now, pressure):
        query = masked(carried.question.query)[:KEPT_CHARS]
        carried = replace(carried, question=replace(carried.question, query=query))
        yield from close(carried, "refused", arrival.now, reasons=[why])
        return
    if event.request_id:
        try:
            first = log.claim(who.tenant, request_id, arrival.position)
        except Retry:
            # Asking twice is better than not answering: duplicates are let through, and said so.
            first = arrival.position
            carried = degraded(carried, "admit: duplicates unchecked")
        if first != arrival.position:
            raise Reject(
                f"duplicate request_id '{request_id}': it came first at {first}", answered=True
            )
    late = arrival.now - carried.question.deadline_at
    if late > 0:
        reason = f"the deadline passed {late} ms before the question was read"
        yield from close(carried, "expired", arrival.now, reasons=[reason])
        return
    if config.reworded or event.session_id:
        yield QuestionAdmitted(carried=carried)
    else:  # nothing would come of a step more
        yield QuestionRewritten(carried=replace(carried, variants=[carried.question.query]))


def _told_where(carried: Carried, policy: Policy, who: Identity, event: QuestionAsked) -> Carried:
    """A refused question, whose answer goes only where the policy lets one of theirs go."""
    question = carried.question
    if not question.reply_to or may_ask(policy, who, replace(event, query="?", filters={})).allowed:
        return carried
    return replace(carried, question=replace(question, reply_to=None))


def _too_much(question: Question, now: int, pressure: Pressure | None) -> str:
    """Why a question is not let in, where it would wait until it is late; empty: it is."""
    left, wait = (question.deadline_at - now) / 1000, pressure.wait_s() if pressure else 0.0
    if left < 0 or wait <= left * WAITED:  # who is late is told so
        return ""
    return (
        f"about {wait:.0f} s of questions wait before it, and its deadline is in {left:.0f} s: "
        "ask again later (rule overload)"
    )


def _request_id(event: QuestionAsked, arrival: Arrival) -> str:
    if wrong := [each for each in exceeded(event) if each.startswith("request_id ")]:
        raise Reject(wrong[0])
    return event.request_id or assigned_request_id(arrival.position, arrival.timestamp)


def _noted(carried: Carried, decision: Decision) -> Carried:
    """Which policy decided, what it refused by, and how a candidate would have decided."""
    carried = made_with(carried, policy=decision.policy)
    if not decision.allowed:
        refused = f"admit: refused by {decision.rules} of policy {decision.policy}"
        carried = decided(carried, refused)
    return decided(carried, f"admit: {decision.shadow}") if decision.shadow else carried


def _question(
    event: QuestionAsked, who: Identity, request_id: str, arrival: Arrival, config: AdmitConfig
) -> Question:
    deadline = event.deadline_ms if event.deadline_ms is not None else config.default_deadline_ms
    deadline_at = deadline if deadline > ABSOLUTE_MS else arrival.timestamp + deadline
    return Question(
        request_id=request_id,
        tenant=who.tenant,
        query=event.query.strip(),
        session_id=event.session_id,
        user=who.user or None,
        filters=event.filters,
        top_k=event.top_k or config.default_top_k,
        deadline_at=min(deadline_at, LATEST_MS),
        reply_to=event.reply_to if event.reply_to in config.reply_topics else None,
        asked_at=arrival.timestamp,
        asked_offset=arrival.offset,
        roles=[*who.roles],
        classes=[*who.classes],
        proof=who.proof,
        partials=event.partials,
    )


def _around(event: QuestionAsked | Question) -> int:
    """Bytes of what stands beside the query, which every event of the question repeats."""
    texts = [event.session_id or "", event.user or "", *event.filters, *event.filters.values()]
    return sum(len(text.encode()) for text in texts)


def _cut(question: Question, event: QuestionAsked) -> Question:
    """As much of a refused question as one event can hold and topics may, whatever was sent."""
    if exceeded(event) or _around(question) > MOST_AROUND:
        question = replace(question, session_id=None, user=None, filters={})
    tenant, query = question.tenant[:TENANT_CHARS], masked(question.query)[:KEPT_CHARS]
    return replace(question, tenant=tenant, query=query)


NEVER = 2**63 - 1


def _arrived(
    record: Received[QuestionAsked],
    *,
    config: AdmitConfig,
    log: RequestLog,
    versions: Versions,
    policy: Policy,
    proving: Proving,
    admission: Admission,
    pressure: Pressure,
    now: Callable[[], int],
) -> Iterable[QuestionAdmitted | QuestionRewritten | Ended]:
    arrival = Arrival(record.position, record.offset, record.timestamp, now())
    try:
        who = proving(record)
    except UnprovenError as error:
        request_id = _request_id(record.event, arrival)
        yield from unproven(request_id, error.tenant, str(error), versions)
        return
    yield from admit(
        record.event,
        arrival,
        config=config,
        log=log,
        versions=versions,
        policy=policy,
        who=who,
        admission=admission,
        pressure=pressure,
    )


def _proving(config: AdmitConfig, opened: Opened) -> Proving:
    if config.identity == TOKEN:
        return by_token(opened[TOKENS])
    return by_topic if config.identity == TOPIC else trusted


NEEDS: Sequence[Port[Any]] = (REQUESTS, POLICY, PURSE, SUSPENSIONS, PRESSURE)


def stage(config: AdmitConfig, versions: Versions, now: Callable[[], int]) -> Stage:
    """`admit` in the topology.

    Raises:
        UserError: topics say who asks, and there are no tenants to have one.
    """
    reads = [topics.RAG_REQUESTS]
    if config.identity == TOPIC:
        if not config.tenants:
            raise UserError("MILLRACE_IDENTITY=topic needs MILLRACE_TENANTS: each has a topic")
        reads = [topics.requests_of(each) for each in sorted(config.tenants)]

    def make(opened: Opened):
        return partial(
            _arrived,
            config=config,
            log=opened[REQUESTS],
            versions=versions,
            policy=opened[POLICY],
            proving=_proving(config, opened),
            admission=Admission(opened[PURSE], opened[SUSPENSIONS]),
            pressure=opened[PRESSURE],
            now=now,
        )

    return edge_stage(
        "admit",
        reads=reads,
        make=make,
        writes=outputs(
            topics.RAG_ADMITTED, topics.RAG_REWRITTEN, topics.RAG_ANSWERS, topics.RAG_CLOSED
        ),
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[*NEEDS, TOKENS] if config.identity == TOKEN else NEEDS,
        promise=Promise(
            lambda _: NEVER,  # it knows itself when a question is late
            partial(settle_asked, versions=versions),
            partial(salvage, versions=versions),
        ),
    )
