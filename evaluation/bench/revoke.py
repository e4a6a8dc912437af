"""`revoke`: how soon nobody is shown what was closed to them, from indexes, cache and sessions."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import redis

from connectors.redis.answers import document_key
from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.freshness import Changes
from evaluation.bench.ingest import feed
from evaluation.bench.measures import Latency
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas.events import DocumentFed, QuestionAnswered, QuestionAsked
from streams.app import codecs
from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.edge.client import reader
from streams.edge.documents import Feeder
from streams.flow.errors import UserError
from streams.runtime.codec import Codec

Kind = Literal["closed", "deleted", "changed"]
KINDS: tuple[Kind, ...] = ("closed", "deleted", "changed")
TENANT, USER = "bench", "anne"
LOADED = 60  # documents of the bulk feed that are through before anything is closed under it
LOOK_S, PATIENCE_S = 0.002, 30.0
KEPT_TRIES = 10

SOON = Target("value", "at most", 600)
GONE = Target("value", "at most", 1000)
NONE = Target("value", "at most", 0)


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    each: int  # documents that are closed, deleted and changed, so many of each


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=60, each=5)


@dataclass(frozen=True, slots=True)
class Secret:
    """A document, of which only who is told knows the code and the form."""

    number: int

    @property
    def name(self) -> str:
        return f"Verdubaco-{self.number}"

    @property
    def told(self) -> tuple[str, str]:
        return f"QX{self.number:05d}", f"RF-{self.number:05d}"

    @property
    def document(self) -> DocumentFed:
        code, form = self.told
        body = (
            f"The access code of project {self.name} is {code}. "
            f"It is written down in form {form}, which is kept for ten years.\n"
        )
        return DocumentFed(
            op="upsert",
            tenant=TENANT,
            doc_id=f"secret-{self.number}",
            title=f"Project {self.name}",
            body=body,
        )

    def becoming(self, kind: Kind) -> DocumentFed:
        """What is fed so that nobody is told any more."""
        document = self.document
        if kind == "deleted":
            return dataclasses.replace(document, op="delete", body=None, title=None)
        if kind == "closed":
            return dataclasses.replace(document, op="access", body=None, title=None, acl=["board"])
        assert document.body is not None
        code, form = self.told
        other = document.body.replace(code, f"QY{code[2:]}").replace(form, f"RG{form[2:]}")
        return dataclasses.replace(document, body=other)

    def asks(self, query: str, *, talk: bool = False) -> QuestionAsked:
        session = f"talk-{self.number}" if talk else None
        query = query.format(name=self.name)
        return QuestionAsked(tenant=TENANT, query=query, session_id=session, user=USER)

    def is_told(self, answer: QuestionAnswered) -> bool:
        """Whether anything in it is of the document as it was."""
        return any(each in repr(answer) for each in self.told)


FORGOTTEN = "any of these until its kept answer left the cache"
KEPT = "What is the access code of project {name}?"
ANEW = "Which access code does project {name} have now?"
FIRST = "Which form is the access code of project {name} written down in?"
FOLLOWS = "Who signs that form?"


@dataclass(slots=True)
class Samples:
    """Milliseconds since a change was fed, by its kind; and what was told at its end, by where."""

    acknowledged: dict[Kind, list[float]] = field(default_factory=dict[Kind, list[float]])
    forgotten: list[float] = field(default_factory=list[float])
    asked: Counter[str] = field(default_factory=Counter[str])
    told: Counter[str] = field(default_factory=Counter[str])


def run(options: Options, say: Say) -> Findings:
    """Each document is asked for until its answer is kept and a session knows it; then it goes."""
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    with running.data_folder() as folder, ExitStack() as stack:
        always = {"answers": {"cached": "always"}}
        settings = stack.enter_context(running.whole_stack(folder, say, **always))
        feed(settings, chosen, TENANT, options.documents, say)
        codec = codecs.codec(settings, stack)
        client = stack.enter_context(Client(settings, codec, TENANT))
        idle = [Secret(number) for number in range(len(KINDS) * options.each)]
        loaded = [Secret(len(idle) + number) for number in range(options.each)]
        _feed(settings, codec, [*idle, *loaded])
        say("asking for each, until its answer is kept")
        known = {each for each in [*idle, *loaded] if _known(client, each)}
        say(f"{len(known)} of {len(idle) + len(loaded)} are kept, and known to a session")
        found = {"idle": Samples(), "under a bulk feed": Samples()}
        kinds: dict[Secret, Kind] = {
            each: KINDS[each.number % len(KINDS)] for each in idle if each in known
        }
        _revoke(settings, codec, client, kinds, found["idle"])
        say("under a bulk feed")
        with Child("evaluation.bench.feeding", settings) as load:
            load.call("start", settled=min(LOADED, options.documents))
            closed: dict[Secret, Kind] = dict.fromkeys(
                (each for each in loaded if each in known), "closed"
            )
            _revoke(settings, codec, client, closed, found["under a bulk feed"])
    return Findings(
        [figure for when, samples in found.items() for figure in figures(when, samples)],
        {
            "known": len(known),
            "asked": {when: dict(each.asked) for when, each in found.items()},
            "told": {when: dict(each.told) for when, each in found.items()},
            "until": {when: until(samples) for when, samples in found.items()},
            "corpus": chosen.name,
            "documents": options.documents,
        },
    )


def until(samples: Samples) -> dict[str, Latency]:
    """Milliseconds from a change until what."""
    found = {f"{kind} until no index shows it": took for kind, took in samples.acknowledged.items()}
    found[FORGOTTEN] = samples.forgotten
    return {name: Latency.of(took) for name, took in found.items()}


def figures(when: str, samples: Samples) -> list[Figure]:
    """When it was gone, and how often it was told all the same."""
    made: list[Figure] = []
    for name, latency in until(samples).items():
        target = GONE if name == FORGOTTEN else SOON
        made.append(Figure(f"{name}, {when}, p50", latency.p50, "ms"))
        made.append(Figure(f"{name}, {when}, p99", latency.p99, "ms", target=target))
    for where, asked in samples.asked.items():
        title = f"told by {where} of {asked} asked at that moment, {when}"
        made.append(Figure(title, samples.told[where], "", target=NONE))
    return made


def _feed(settings: Settings, codec: Codec, secrets: Iterable[Secret]) -> None:
    with reader(settings) as consumer:
        report = Feeder(settings, codec, consumer).feed([each.document for each in secrets])
    if report.rejected:
        raise UserError(f"documents of the bench were rejected: {report.rejected}")


def _known(client: Client, secret: Secret) -> bool:
    """Whether it is told: anew, from the cache, and to who goes on talking of it."""
    first, _ = client.answers([secret.asks(KEPT), secret.asks(FIRST, talk=True)])
    anew, follows = client.answers([secret.asks(ANEW), secret.asks(FOLLOWS, talk=True)])
    spelled = secret.told[1] in follows.understood
    if not (spelled and secret.is_told(first) and secret.is_told(anew)):
        return False
    for _ in range(KEPT_TRIES):  # it is kept a moment after it was given
        (again,) = client.answers([secret.asks(KEPT)])
        if again.cached == "exact":
            return secret.is_told(again)
    return False


def _revoke(
    settings: Settings,
    codec: Codec,
    client: Client,
    kinds: Mapping[Secret, Kind],
    samples: Samples,
) -> None:
    own = settings.of(RedisSettings)
    opened: Any = redis.Redis.from_url(own.url)  # pyright: ignore[reportUnknownMemberType]
    with opened as cache, reader(settings) as consumer:
        changes = Changes(settings, codec, consumer)
        for secret, kind in kinds.items():
            watched = _Leaving(cache, document_key(TENANT, secret.document.doc_id))
            changes.send(secret.number, secret.becoming(kind))
            watched.start()
            took = _acknowledged(changes)
            asked = {"the index": secret.asks(ANEW), "the cache": secret.asks(KEPT)}
            if kind != "changed":  # what a session knows of a document that is still there stands
                asked["a session"] = secret.asks(FOLLOWS, talk=True)
            for where, answer in zip(asked, client.answers([*asked.values()]), strict=True):
                samples.asked[where] += 1
                samples.told[where] += secret.is_told(answer)
            samples.acknowledged.setdefault(kind, []).append(took)
            samples.forgotten.append(watched.took_ms())


def _acknowledged(changes: Changes) -> float:
    """Milliseconds that the one change took that is waited for."""
    while True:
        for _, _, took in changes.acknowledged():
            return took


class _Leaving(threading.Thread):
    """Looks for a key of the cache until it is there no more."""

    def __init__(self, cache: Any, key: str) -> None:
        super().__init__(daemon=True)
        self._cache = cache
        self._key, self._took = key, float("inf")
        assert self._cache.exists(key), "its answer is kept"

    def run(self) -> None:
        begin = time.perf_counter()
        while time.perf_counter() - begin < PATIENCE_S:
            if not self._cache.exists(self._key):
                self._took = (time.perf_counter() - begin) * 1000
                return
            time.sleep(LOOK_S)

    def took_ms(self) -> float:
        """Raises UserError: it stays."""
        self.join(PATIENCE_S)
        if self._took == float("inf"):
            raise UserError(f"an answer was kept for {PATIENCE_S:.0f} s after its document changed")
        return self._took
