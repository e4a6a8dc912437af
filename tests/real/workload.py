"""A table under random inserts, updates, deletes and key changes; the table itself is the truth."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from processors.documents.chunk import chunk
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.needs import CONVERTER, COUNTER
from schemas import topics
from schemas.events import DocumentFed
from streams.app import config as app_config
from streams.app.ports import open_these
from streams.runtime.codec import Codec
from tests.real.change_capture import World
from tests.system.harness import until

TABLE = "notes"
SCHEMA = """
CREATE TABLE notes (id int PRIMARY KEY, title text, body text);
ALTER TABLE notes REPLICA IDENTITY FULL;
INSERT INTO notes SELECT n, 'Note ' || n, 'Before all: note ' || n FROM generate_series(1, 50) n;
"""
SOURCES = {
    "notes": {
        "table": "public.notes",
        "tenant": "retail",
        "doc_id": "id",
        "text": "body",
        "title": "title",
        "replica_identity": "full",
    }
}
# Of a long text, PostgreSQL logs in a change of the title alone what REPLICA IDENTITY FULL adds.
_LONG = 0.03


@dataclass
class Workload:
    """Changes as they are drawn; a statement that a kill cut off is drawn again."""

    world: World
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter[str])
    cut_off: int = 0

    def run(self, count: int, per_second: float = 0) -> None:
        """`count` changes, each its own transaction; at an even pace if one is given."""
        begun = time.monotonic()
        for number in range(count):
            until(self._change, "the database to take a change", 60)
            ahead = number / per_second - (time.monotonic() - begun) if per_second else 0
            if ahead > 0:
                time.sleep(ahead)

    def _change(self) -> bool:
        """One change; False where the server was not there."""
        try:
            if not self._ids:
                self._ids = [row[0] for row in self.world.sql("SELECT id FROM notes")]
                self._next = max([self._next, *self._ids]) + 1
            kind = self.rng.choices(("insert", "update", "delete", "key"), (35, 40, 15, 10))[0]
            getattr(self, f"_{kind}")()
        except psycopg.OperationalError:
            self._ids = []  # whether the last one was committed, the table says
            self.cut_off += 1
            return False
        self.done[kind] += 1
        return True

    _ids: list[int] = field(default_factory=list[int])
    _next: int = 1

    def _insert(self) -> None:
        number, self._next = self._next, self._next + 1
        self.world.sql("INSERT INTO notes VALUES (%s, %s, %s)", number, f"N {number}", self._text())
        self._ids.append(number)

    def _update(self) -> None:
        number = self.rng.choice(self._ids)
        if self.rng.random() < 0.2:
            title = f"T {self.rng.random()}"
            self.world.sql("UPDATE notes SET title = %s WHERE id = %s", title, number)
        else:
            self.world.sql("UPDATE notes SET body = %s WHERE id = %s", self._text(), number)

    def _delete(self) -> None:
        number = self.rng.choice(self._ids)
        self.world.sql("DELETE FROM notes WHERE id = %s", number)
        self._ids.remove(number)

    def _key(self) -> None:
        number = self.rng.choice(self._ids)
        self.world.sql("UPDATE notes SET id = %s WHERE id = %s", self._next, number)
        self._ids.remove(number)
        self._ids.append(self._next)
        self._next += 1

    def _text(self) -> str:
        words = " ".join(self.rng.choices(_WORDS, k=self.rng.randrange(5, 30)))
        if self.rng.random() < _LONG:
            return f"{self.rng.randbytes(5000).hex()}"[:9000] + f" {words}."
        return f"{words.capitalize()} {self.rng.randrange(10**9)}."


_WORDS = [
    "card",
    "fee",
    "limit",
    "account",
    "branch",
    "transfer",
    "euro",
    "daily",
    "customer",
    "rate",
    "loan",
    "notice",
    "form",
    "payment",
    "holder",
    "month",
    "interest",
    "overdraft",
    "deposit",
    "statement",
    "signature",
    "refund",
]


class Truth:
    """What the table says must be searchable, computed in this process alone."""

    def __init__(self, world: World, stack: ExitStack) -> None:
        self._world = world
        self._ports = open_these(world.settings, stack, CONVERTER, COUNTER)
        self._policy = app_config.chunking_policy(world.settings)
        self._known: dict[tuple[int, str, str], list[str]] = {}

    def documents(self) -> dict[str, list[str]]:
        """Each document's chunks, in order."""
        rows = self._world.sql("SELECT id, title, body FROM notes")
        for row in rows:
            if row not in self._known:
                self._known[row] = self._chunks(*row)
        return {f"notes/{row[0]}": self._known[row] for row in rows}

    def _chunks(self, number: int, title: str, body: str) -> list[str]:
        fed = DocumentFed(
            op="upsert", tenant="retail", doc_id=f"notes/{number}", title=title, body=body
        )
        changes = ingest(
            fed,
            Place(0, 0, keyed=True),
            config=IngestConfig(),
            converter=self._ports[CONVERTER],
        )
        return [
            each.text
            for change in changes
            for made in chunk(change, counter=self._ports[COUNTER], policy=self._policy)
            for each in made.chunks
        ]


def delays(world: World, since_ms: int) -> Iterator[tuple[float, bool]]:
    """Seconds from commit to searchable of each change that was committed since, and whether it was
    above its tenant's quota of a minute: then the others went first.
    """
    codec = Codec()
    for record in world.edge.records(topics.DOCS_INDEXED.name):
        if record.value is None:
            continue
        done = codec.decode(topics.DOCS_INDEXED, record.value)
        document = done.document
        if document.changed_at >= since_ms and done.last:
            yield (done.indexed_at - document.changed_at) / 1000, document.bulk


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
