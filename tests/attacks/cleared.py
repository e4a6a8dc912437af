"""People who try to read what they are not cleared for, of their own tenant's and of others'.

Each tenant has documents of the same words at each level of secrecy; only the code in each differs,
and nobody ever sends a code. Who asked is known by the id of the question: so a code in an answer
that its asker may not see is a leak, whoever the question said it was.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from schemas import topics
from schemas.events import DocumentFed
from streams.app.topology import topics_of
from streams.flow.stage import Stage
from streams.runtime.codec import Codec

TENANTS = ("acme", "ACME", "acme-1")
SUBJECTS = ("cash limit", "annual fee", "notice period")
ISSUER, AUDIENCE = "https://login.example", "millrace"
OURS, OTHERS = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CODE = re.compile(rb"QX[0-9]{6}")
PATIENCE_MS = 120_000
REPLIES = tuple(f"rag.answers.{tenant}" for tenant in TENANTS)
WATCHED = (
    "rag.answers",
    "rag.rewritten",
    "rag.retrieved",
    "rag.generate.extractive",
    "rag.closed",
    "rag.dlq",
    *REPLIES,
)


@dataclass(frozen=True, slots=True)
class Level:
    """Who may see its documents."""

    name: str
    classes: tuple[str, ...] = ()
    acl: tuple[str, ...] = ("*",)


LEVELS = (
    Level("open"),
    Level("confidential", classes=("confidential",)),
    Level("vaulted", classes=("vault",)),
    Level("personnel", acl=("hr",)),
    Level("private", acl=("user:anne",)),
    Level("sealed", classes=("confidential", "vault"), acl=("hr",)),
    Level("shut", acl=()),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One of a tenant's; `proven` only where a token says who it is."""

    tenant: str
    user: str
    roles: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    proven: bool = True

    def sees(self, level: Level) -> bool:
        own = {*self.classes, *(("confidential",) if "risk" in self.roles else ())}
        groups = {"*", *self.roles, *((f"user:{self.user}",) if self.proven else ())}
        return {*level.classes} <= own and bool(groups & {*level.acl})


STAFF: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("anne", (), ()),
    ("bob", (), ()),
    ("rita", ("risk",), ()),
    ("carl", (), ("vault",)),
    ("hugo", ("hr",), ()),
)
# What is said beside the shipped policy's defaults: the roles that these people have.
ROLES = {"risk": {"classes": ["confidential"]}}


def code(tenant: str, level: Level, subject: str) -> str:
    at = (TENANTS.index(tenant) + 1, LEVELS.index(level) + 1, SUBJECTS.index(subject))
    return f"QX{at[0]}{at[1]}{at[2]:04d}"


OF = {code(t, x, s).encode(): (t, x) for t in TENANTS for x in LEVELS for s in SUBJECTS}


def documents() -> Iterator[DocumentFed]:
    for tenant in TENANTS:
        for level in LEVELS:
            for subject in SUBJECTS:
                told = code(tenant, level, subject)
                yield DocumentFed(
                    op="upsert",
                    tenant=tenant,
                    doc_id=f"{level.name}/{subject}.txt",
                    title=f"{level.name} {subject}",
                    body=f"The code of the {level.name} {subject} is {told}.",
                    metadata={"level": level.name, "owner": tenant},
                    classes=[*level.classes],
                    acl=[*level.acl],
                )


def jwks() -> str:
    key = RSAAlgorithm.to_jwk(OURS.public_key(), as_dict=True) | {"kid": "k1"}
    return json.dumps({"keys": [key]})


def token(who: Person, key: Any = OURS, algorithm: str = "RS256", **changes: Any) -> bytes:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 7200,
        "tenant": who.tenant,
        "sub": who.user,
        "roles": [*who.roles],
        "classes": [*who.classes],
    }
    return b"Bearer " + jwt.encode(
        claims | changes, key, algorithm=algorithm, headers={"kid": "k1"}
    ).encode("ascii")


@dataclass(frozen=True, slots=True)
class Sent:
    """A record of somebody's."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    number: str = ""  # of a question
    who: Person | None = None  # who asks it; None: somebody who proves nothing


@dataclass
class Intruders:
    """What they send, at random; by tokens, or (`proven` false) by topics of their tenants'."""

    seed: int
    proven: bool = True
    sent: Counter[str] = field(default_factory=Counter[str])
    asked: dict[tuple[str, str], Person] = field(default_factory=dict[tuple[str, str], Person])
    talks: list[tuple[Person, str]] = field(default_factory=list[tuple[Person, str]])
    answered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    known: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __post_init__(self) -> None:
        self.chance, self._numbers = random.Random(self.seed), itertools.count()
        self.people = [
            Person(
                tenant, user, roles if self.proven else (), held if self.proven else (), self.proven
            )
            for tenant in TENANTS
            for user, roles, held in STAFF
        ]
        self._tokens = {each: token(each) for each in self.people} if self.proven else {}
        self._bad = [*self._forged()] if self.proven else []
        self.kinds = {
            "words": self.words,
            "filters": self.filters,
            "others in the body": self.claimed,
            "ids": self.ids,
            "sessions": self.sessions,
            "reply topics": self.replies,
            "dead letters": self.letters,
            "feedback": self.feedback,
        } | ({"forged tokens": self.forged} if self.proven else {})

    def honest(self) -> Sent:
        """For what one may see, in one's own session or none."""
        who = self.chance.choice(self.people)
        seen = [level for level in LEVELS if who.sees(level)]
        session = None
        if self.chance.random() < 0.5:
            session = f"talk-{self.seed}-{len(self.talks)}"
            self.talks.append((who, session))
        sent = self._ask(who, self._query(self.chance.choice(seen)), session_id=session)
        self.answered.append((who.tenant, sent.number))
        return sent

    def shuffled(self, sent: Iterable[Sent]) -> list[Sent]:
        """In the order in which they are sent: of two who ask under one id the first has it."""
        found = [*sent]
        self.chance.shuffle(found)
        for each in found:
            if each.who is not None:
                self.asked.setdefault((each.who.tenant, each.number), each.who)
        return found

    def settle(self) -> None:
        """All that was asked has its answer: everybody knows the honest ones' ids from now on.

        The id of a question that was refused is free again.
        """
        self.known = [*self.answered]

    def hostile(self, count: int) -> Iterator[Sent]:
        for _ in range(count):
            kind = self.chance.choice([*self.kinds])
            self.sent[kind] += 1
            yield self.kinds[kind](self.chance.choice(self.people))

    def words(self, me: Person) -> Sent:
        """What others ask, in their words: whose answer might be given again."""
        return self._ask(me, self._query(self._closed_to(me)), top_k=self.chance.choice([1, 5, 50]))

    def filters(self, me: Person) -> Sent:
        keys = ("classes", "acl", "level", "tenant", "owner", "doc_id", "payload.classes", "roles")
        level = self._closed_to(me)
        values = (*level.classes, *level.acl, level.name, "*", "", self._other(me).tenant)
        filters = {self.chance.choice(keys): self.chance.choice(values) for _ in range(2)}
        return self._ask(me, self._query(level), filters=filters)

    def claimed(self, me: Person) -> Sent:
        """The body says somebody else's name, tenant, roles or classes."""
        other = self._other(me)
        said: dict[str, Any] = self.chance.choice(
            [
                {"tenant": other.tenant},
                {"user": other.user},
                {"roles": ["risk", "hr"], "classes": ["vault", "confidential"], "proof": "token"},
                {"tenant": other.tenant, "user": other.user, "roles": [*other.roles]},
                {"identity": {"roles": ["risk", "hr"], "tenant": other.tenant}},
            ]
        )
        return self._ask(me, self._query(self._closed_to(me)), **said)

    def forged(self, me: Person) -> Sent:
        header = self.chance.choice(self._bad)
        headers = [("authorization", header)]
        if self.chance.random() < 0.2:  # beside one's own
            headers.append(("Authorization", self._tokens[me]))
        return self._ask(None, self._query(self._closed_to(me)), headers=headers, tenant=me.tenant)

    def ids(self, me: Person) -> Sent:
        """The request id of somebody's question that was answered."""
        _, number = self.chance.choice(self.known)
        number = self.chance.choice([number, f"{number}\0", f"../{number}", number.upper()])
        return self._ask(me, self._query(self._closed_to(me)), number=number)

    def sessions(self, me: Person) -> Sent:
        others = [session for who, session in self.talks if who != me]
        query = self.chance.choice(
            ["And what is its code?", "Who decides that code?", "And the fee?"]
        )
        said: dict[str, Any] = {}
        if self.chance.random() < 0.3:
            said["user"] = self._other(me).user
        return self._ask(me, query, session_id=self.chance.choice(others), **said)

    def replies(self, me: Person) -> Sent:
        to = [each for each in REPLIES if not each.endswith(f".{me.tenant}")]
        to += ["rag.closed", "docs.feed", f"rag.requests.{self._other(me).tenant}"]
        seen = next(level for level in LEVELS if me.sees(level))
        return self._ask(me, self._query(seen), reply_to=self.chance.choice(to))

    def letters(self, me: Person) -> Sent:
        """What is no question, under the key of somebody else's."""
        tenant, number = self.chance.choice(self.known)
        whole = {"tenant": me.tenant, "query": self._query(self._closed_to(me))}
        value = self.chance.choice(
            [
                _json(whole | {"top_k": "many"}),
                _json(whole)[:-7],
                _json(whole | {"tenant": [me.tenant, tenant]}),
                b"\0\0\0\0\x07" + self.chance.randbytes(9),
            ]
        )
        return Sent(self._topic(me), f"{tenant}/{number}", value, self._headers(me))

    def feedback(self, me: Person) -> Sent:
        tenant, number = self.chance.choice(self.known)
        value = {"request_id": number, "tenant": me.tenant, "rating": 1, "comment": "show me"}
        return Sent(topics.RAG_FEEDBACK.name, f"{tenant}/{number}", _json(value))

    def _ask(
        self,
        who: Person | None,
        query: str,
        *,
        number: str = "",
        headers: Iterable[tuple[str, bytes]] | None = None,
        **said: Any,
    ) -> Sent:
        number = number or f"q-{self.seed}-{next(self._numbers)}"
        tenant = who.tenant if who is not None else ""
        fields: dict[str, Any] = {
            "tenant": tenant,
            "query": query,
            "request_id": number,
            "deadline_ms": PATIENCE_MS,
        }
        if who is not None and self.chance.random() < 0.5:
            fields["user"] = who.user
        own = self._headers(who) if who is not None else ()
        topic = self._topic(who) if who is not None else topics.RAG_REQUESTS.name
        return Sent(
            topic,
            f"{tenant}/{number}",
            _json({name: each for name, each in (fields | said).items() if each is not None}),
            own if headers is None else tuple(headers),
            number,
            who,
        )

    def _forged(self) -> Iterator[bytes]:
        """Nearly tokens of the best cleared there could be."""
        for tenant in TENANTS:
            chief = Person(tenant, "chief", ("risk", "hr"), ("vault", "confidential"))
            past = int(time.time()) - 3600
            good = token(chief, OTHERS)
            yield good
            yield token(chief, None, "none")
            yield token(chief, "k1" * 20, "HS256")
            wrongs: list[dict[str, Any]] = [
                {"exp": past},
                {"aud": "others"},
                {"iss": "me"},
                {"nbf": past + 10**6},
            ]
            yield from (token(chief, **wrong) for wrong in wrongs)
            yield token(chief, tenant=[tenant], sub="anne")
            head, _, tail = good.rpartition(b".")
            mine = token(Person(tenant, "bob")).rpartition(b".")[2]
            yield from (head + b".", head + b"." + mine, b"Bearer", b"Basic " + tail, b"")

    def _query(self, level: Level) -> str:
        said = f"{level.name} {self.chance.choice(SUBJECTS)}"
        return self.chance.choice(
            [
                f"What is the code of the {said}?",
                f"Please tell me the code of the {said}",
                f"What is the code of the {said} and the code of the sealed annual fee?",
            ]
        )

    def _closed_to(self, me: Person) -> Level:
        return self.chance.choice([level for level in LEVELS if not me.sees(level)])

    def _other(self, me: Person) -> Person:
        return self.chance.choice([each for each in self.people if each.tenant != me.tenant])

    def _topic(self, who: Person) -> str:
        return topics.RAG_REQUESTS.name if self.proven else topics.requests_of(who.tenant).name

    def _headers(self, who: Person) -> tuple[tuple[str, bytes], ...]:
        return (("authorization", self._tokens[who]),) if self.proven else ()

    def leaks(self, about: About, records: Iterable[tuple[str, bytes | None]]) -> list[str]:
        """Codes that stand in what was made for somebody who may not see them."""
        found: list[str] = []
        for topic, value in records:
            tenant, number = about(topic, value)
            if topic in REPLIES and topic != f"rag.answers.{tenant}":
                found.append(f"an answer of {tenant} is on {topic}")
            asker = self.asked.get((tenant, number))
            for each in {*CODE.findall(value or b"")}:
                owner, level = OF.get(each, ("nobody", LEVELS[-1]))
                if asker is None or asker.tenant != owner or not asker.sees(level):
                    found.append(f"{each.decode()}, {level.name} of {owner}, for {asker}: {topic}")
        return found


class About:
    """Tenant and id of the question that a record is about; empty where it is about none."""

    def __init__(self, codec: Codec, stages: Sequence[Stage]) -> None:
        self._codec = codec
        known = [*topics_of(stages), *(topic for stage in stages for topic in stage.reads)]
        self._topics = {topic.name: topic for topic in known}

    def __call__(self, topic: str, value: bytes | None) -> tuple[str, str]:
        known = self._topics["rag.answers" if topic in REPLIES else topic]
        event: Any = self._codec.decode(known, value)
        carried = getattr(event, "carried", None)
        about = event if carried is None else carried.question
        return getattr(about, "tenant", ""), getattr(about, "request_id", "")


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()
