"""Tenants who try to read each other's text: what they have, and what they send to get at it.

Every tenant has documents of the same names in the same words; only the code in each differs, and
nobody ever sends a code. So a code of somebody else's in anything that is a tenant's own is a leak.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas import topics
from schemas.events import DocumentFed
from streams.app.whose import Whose

# Names that are each other's beginnings, or differ in what some systems take for the same.
TENANTS = ("acme", "ACME", "acme.", "acme-1", "acme_1")
SUBJECTS = ("cash limit", "annual fee", "opening hours", "delivery time", "notice period", "cover")
REPLIES = "team.replies"
PATIENCE_MS = 120_000  # each is to be worked on, however many wait
WATCHED = (
    "rag.answers",
    "rag.admitted",
    "rag.rewritten",
    "rag.retrieved",
    "rag.generate.extractive",
    "rag.closed",
    "rag.feedback.joined",
    "rag.dlq",
    "docs.dlq",
    REPLIES,
)
CODE = re.compile(rb"QX[0-9]{6}")

Sent = tuple[str, str, bytes]
"""A topic, a key, and a value."""


def code(tenant: str, subject: str) -> str:
    return f"QX{TENANTS.index(tenant) + 1}{SUBJECTS.index(subject):05d}"


def project(tenant: str) -> str:
    """What a tenant speaks of in its session, and nobody else knows."""
    return f"QX{TENANTS.index(tenant) + 1}90000"


OWNERS = {code(t, s).encode(): t for t in TENANTS for s in SUBJECTS}
OWNERS |= {project(tenant).encode(): tenant for tenant in TENANTS}


def documents() -> Iterator[DocumentFed]:
    for tenant in TENANTS:
        for number, subject in enumerate(SUBJECTS):
            body = f"# {subject.title()}\n\nThe code of the {subject} is {code(tenant, subject)}.\n"
            yield DocumentFed(
                op="upsert",
                tenant=tenant,
                doc_id=f"{number}.md",
                doc_type="markdown",
                title=subject.title(),
                body=body,
                metadata={"owner": tenant},
            )


def asking(tenant: str, subject: str, **more: Any) -> Sent:
    query = f"What is the code of the {subject}?"
    fields = {"tenant": tenant, "query": query, "deadline_ms": PATIENCE_MS, **more}
    return topics.RAG_REQUESTS.name, f"{tenant}/{more.get('request_id')}", _json(fields)


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


@dataclass
class Attackers:
    """What each of them sends, at random; what the others asked is known to all."""

    seed: int
    sent: Counter[str] = field(default_factory=Counter[str])
    talks: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    known: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.kinds = {
            "ids": self.ids,
            "filters": self.filters,
            "sessions": self.sessions,
            "feedback": self.feedback,
            "reply topics": self.replies,
            "dead letters": self.letters,
            "documents": self.documents,
        }

    def honest(self) -> Sent:
        """A question of somebody's own, whose id and session the others then know."""
        tenant, subject = self.chance.choice(TENANTS), self.chance.choice(SUBJECTS)
        number = f"honest-{self.seed}-{len(self.known)}"
        self.known.append((tenant, subject, number))
        return asking(tenant, subject, request_id=number)

    def confidential(self) -> Sent:
        """A turn of somebody's session that those after it could refer to."""
        tenant = self.chance.choice(TENANTS)
        session = f"talk-{self.seed}-{len(self.talks)}"
        self.talks.append((tenant, session))
        query = f"What is the budget of project {project(tenant)}?"
        fields = {
            "tenant": tenant,
            "query": query,
            "session_id": session,
            "deadline_ms": PATIENCE_MS,
        }
        return topics.RAG_REQUESTS.name, f"{tenant}/{session}", _json(fields)

    def hostile(self, count: int) -> Iterator[Sent]:
        for _ in range(count):
            kind = self.chance.choice([*self.kinds])
            self.sent[kind] += 1
            other, subject, number = self.chance.choice(self.known)
            me = self.chance.choice([each for each in TENANTS if each != other])
            yield self.kinds[kind](me, other, subject, number)

    def ids(self, me: str, other: str, subject: str, number: str) -> Sent:
        """Another's request id, whole or beside a separator; a tenant's name beside another."""
        pick = self.chance.choice
        asked_as = pick([number, f"{other}/{number}", f"../{other}/{number}", f"{number}\0", ""])
        named = pick([me, me, me, f"{me}/{other}", f"{me}\n{other}", f"{me},{other}", "*", "", "."])
        topic, _, value = asking(named, subject, request_id=asked_as or None)
        return topic, pick([f"{other}/{number}", f"{me}/{asked_as}", ""]), value

    def filters(self, me: str, other: str, subject: str, number: str) -> Sent:
        keys = (
            "tenant",
            "owner",
            "tags",
            "document",
            "doc_id",
            "tenant\0x",
            "owner:",
            "payload.tenant",
        )
        values = (other, f"{other}\0", f"{me}' or '1'='1", "*", f'{{"$ne": "{me}"}}', "0.md")
        filters = {self.chance.choice(keys): self.chance.choice(values) for _ in range(2)}
        return asking(me, subject, request_id=self._own(), filters=filters)

    def sessions(self, me: str, other: str, subject: str, number: str) -> Sent:
        """Another's session, whose subject a question that leaves it out would take over."""
        talk = self.chance.choice([each for owner, each in self.talks if owner != me])
        session = self.chance.choice(
            [talk, talk, f"{other}/{talk}", f"{other}:{talk}", f"{talk}\0"]
        )
        query = self.chance.choice(["And what is its code?", "What is its budget?", "And its fee?"])
        if self.chance.random() < 0.3:
            query = f"What is the code of the {subject}?"
        fields = {"tenant": me, "query": query, "session_id": session, "deadline_ms": PATIENCE_MS}
        fields |= {"user": other} if self.chance.random() < 0.3 else {}
        return topics.RAG_REQUESTS.name, f"{other}/{session}", _json(fields)

    def feedback(self, me: str, other: str, subject: str, number: str) -> Sent:
        rated = self.chance.choice([number, f"{other}/{number}", f"{number}/", "honest"])
        fields = {"request_id": rated, "tenant": me, "rating": 1, "comment": f"show me {subject}"}
        return topics.RAG_FEEDBACK.name, f"{other}/{number}", _json(fields)

    def replies(self, me: str, other: str, subject: str, number: str) -> Sent:
        to = self.chance.choice(
            [REPLIES, "rag.closed", "docs.feed", "rag.requests", f"{other}", ".."]
        )
        return asking(me, subject, request_id=self._own(), reply_to=to)

    def letters(self, me: str, other: str, subject: str, number: str) -> Sent:
        """What becomes a dead letter, or nearly: under the key of somebody else."""
        wrong: dict[str, Any] = {"tenant": me, "query": subject, "request_id": number}
        values = (
            _json(wrong | {"top_k": "many"}),
            _json(wrong | {"tenant": [me, other]}),
            _json(wrong)[:-9],
            _json(wrong).replace(b"{", b'{"tenant": "%s", ' % other.encode(), 1),
            b"\xc3\x01" + self.chance.randbytes(40),
            b"\0\0\0\0\x07" + self.chance.randbytes(9),
        )
        topic = self.chance.choice([topics.RAG_REQUESTS, topics.RAG_FEEDBACK, topics.DOCS_FEED])
        return topic.name, f"{other}/{number}", self.chance.choice(values)

    def documents(self, me: str, other: str, subject: str, number: str) -> Sent:
        """Somebody else's document, deleted or replaced under one's own name and their key."""
        name = self.chance.choice(["0.md", f"{other}/0.md", f"../{other}/0.md", f"0.md\0{other}"])
        name = f"x-{name}" if name == "0.md" else name  # one's own stay, and are asked for
        fields = {"tenant": me, "doc_id": name, "op": "delete"}
        if self.chance.random() < 0.5:
            fields |= {"op": "upsert", "body": f"The code of the {subject} is not known to {me}."}
        return topics.DOCS_FEED.name, f"{other}/0.md", _json(fields)

    def _own(self) -> str:
        return f"hostile-{self.chance.getrandbits(48):012x}"


def of(whose: Whose, topic: str, value: bytes | None) -> str | None:
    """Whose a record is: of a dead letter, of whom its bytes are."""
    return whose.record(topics.RAG_ANSWERS.name if topic == REPLIES else topic, value)


def leaks(whose: Whose, records: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Codes that stand where another tenant, or anybody, reads them."""
    found: list[str] = []
    for topic, value in records:
        codes = set(CODE.findall(value or b""))
        if codes:
            told = of(whose, topic, value)
            found += [
                f"{each.decode()} of {OWNERS.get(each)} is told to {told} on {topic}"
                for each in codes
                if OWNERS.get(each) != told
            ]
    return found
