"""A real database, followed by Debezium on a real Connect, from a commit to an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infra.local.postgres import PASSWORD
from schemas import topics
from schemas.events import QuestionAsked
from streams.edge.client import Asker, reader
from streams.runtime.codec import Codec
from tests.real.change_capture import World, world
from tests.system.harness import until

LONG = "The fee for a lost card is 12 euros. " * 400
SCHEMA = """
CREATE TABLE handbook (id int PRIMARY KEY, title text, body text, hits int DEFAULT 0);
ALTER TABLE handbook ALTER body SET STORAGE EXTERNAL;
CREATE TABLE outbox (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text,
  aggregateid text, type text, payload jsonb);
CREATE TABLE rules (id int PRIMARY KEY, title text, body text, day date, fee numeric(8, 2));
ALTER TABLE rules ALTER body SET STORAGE EXTERNAL;
ALTER TABLE rules REPLICA IDENTITY FULL;
INSERT INTO handbook VALUES (1, 'Cards', 'A card is blocked by phone.');
INSERT INTO rules VALUES (1, 'Old', 'A rule of before.', '2026-01-02', 12.50);
"""
SOURCES = {
    "handbook": {
        "table": "public.handbook",
        "tenant": "retail",
        "doc_id": "id",
        "text": "body",
        "title": "title",
    },
    "rules": {
        "table": "public.rules",
        "tenant": "retail",
        "doc_id": "id",
        "text": ["body", "day", "fee"],
        "title": "title",
        "replica_identity": "full",
    },
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bank"), SOURCES, SCHEMA, "public.outbox") as running:
        done = command(running, "cdc", "map")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "an update that leaves 'body' alone may not say what it holds" in done.stdout
        done = command(running, "cdc", "apply")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "millrace-bank runs: public.handbook,public.rules",
            "millrace-bank-outbox runs: public.outbox",
        ]
        yield running


def command(running: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **running.environment()},
        timeout=120,
    )


def test_rows_that_were_there_come_by_the_bulk_lane(bank: World) -> None:
    bank.await_searchable({"handbook/1": "A card is blocked by phone."}, "handbook/1", 60)
    bank.await_searchable(
        {"rules/1": "A rule of before.\n\nday: 2026-01-02\n\nfee: 12.50"}, "rules/1", 60
    )
    bulk = {
        Codec().decode(topics.DOCS_CHANGES_BULK, record.value).document.doc_id
        for record in bank.edge.records(topics.DOCS_CHANGES_BULK.name)
        if record.value
    }
    assert {"handbook/1", "rules/1"} <= bulk


def test_a_row_inserted_by_sql_is_answered_from_and_cited(bank: World) -> None:
    bank.sql(
        "INSERT INTO handbook VALUES (10, 'Safe deposit', %s)",
        "A safe deposit box of size M costs 87 euros a year.",
    )
    bank.await_searchable(
        {"handbook/10": "A safe deposit box of size M costs 87 euros a year."}, "handbook/10", 30
    )
    with reader(bank.settings) as consumer:
        asker = Asker(bank.settings, Codec(), consumer)
        question = QuestionAsked(
            query="What does a safe deposit box of size M cost a year?", tenant="retail"
        )
        answer = asker.ask(question, 30)
    assert "87 euros" in answer.answer
    assert [each.doc_id for each in answer.citations] == ["handbook/10"]


def test_what_an_application_puts_into_its_outbox_is_fed(bank: World) -> None:
    def put(document: Mapping[str, object]) -> None:
        bank.sql(
            "INSERT INTO outbox (aggregatetype, aggregateid, type, payload) "
            "VALUES ('document', %s, 'changed', %s)",
            f"{document['tenant']}/{document['doc_id']}",
            json.dumps(document),
        )

    named = {"tenant": "retail", "doc_id": "app/1"}
    put(named | {"op": "upsert", "body": "The app says 1."})
    put(named | {"op": "upsert", "body": "The app says 2."})
    put(named | {"doc_id": "app/2", "op": "upsert", "body": "To be gone."})
    put(named | {"doc_id": "app/2", "op": "delete"})
    put(named | {"doc_id": "app/3", "op": "upsert", "body": "The last."})
    bank.sql("DELETE FROM outbox")
    bank.await_searchable({"app/1": "The app says 2.", "app/3": "The last."}, "app/", 30)


def test_updates_deletes_and_changed_keys_reach_the_index(bank: World) -> None:
    for number in (20, 21, 22):
        bank.sql("INSERT INTO handbook VALUES (%s, 'T', %s)", number, f"Text of {number}.")
    bank.sql("UPDATE handbook SET body = 'Text of 20 anew.' WHERE id = 20")
    bank.sql("DELETE FROM handbook WHERE id = 21")
    bank.sql("UPDATE handbook SET id = 23 WHERE id = 22")
    bank.sql("DELETE FROM handbook WHERE id = 23")
    bank.sql("INSERT INTO handbook VALUES (23, 'T', 'Text of another 23.')")
    expected = {"handbook/20": "Text of 20 anew.", "handbook/23": "Text of another 23."}
    bank.await_searchable(expected, "handbook/2", 30)


def test_a_long_text_that_an_update_leaves_alone_is_never_the_placeholder(bank: World) -> None:
    for table in ("handbook", "rules"):
        bank.sql(f"INSERT INTO {table} (id, title, body) VALUES (30, 'Fees', %s)", LONG)
        bank.sql(f"UPDATE {table} SET title = 'Fees anew' WHERE id = 30")
    bank.sql("INSERT INTO rules (id, body) VALUES (31, 'The last.')")
    bank.sql("INSERT INTO handbook (id, body) VALUES (31, 'The last.')")
    bank.await_searchable({"rules/31": "The last."}, "rules/31", 30)
    bank.await_searchable({"handbook/31": "The last."}, "handbook/31", 30)
    titles = {
        document.doc_id: document.title
        for record in bank.edge.records(topics.DOCS_CHANGES.name)
        if record.value
        for document in [Codec().decode(topics.DOCS_CHANGES, record.value).document]
    }
    # Only where rows are logged whole does the change of the title alone say what the text is.
    assert (titles["handbook/30"], titles["rules/30"]) == ("Fees", "Fees anew")
    texts = bank.searchable(prefix="handbook/30") | bank.searchable(prefix="rules/30")
    assert all("debezium" not in text and "12 euros" in text for text in texts.values())
    assert len(texts) == 2
    bank.sql("UPDATE rules SET id = 32 WHERE id = 30")
    bank.sql("INSERT INTO rules (id, body) VALUES (33, 'The very last.')")
    bank.await_searchable({"rules/33": "The very last."}, "rules/33", 30)
    assert bank.searchable(prefix="rules/32") == {"rules/32": texts["rules/30"]}
    assert bank.searchable(prefix="rules/30") == {}


def test_status_names_connector_slot_and_lag_and_no_secret_is_told(bank: World) -> None:
    done = command(bank, "cdc", "status", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said, outbox = json.loads(done.stdout)
    for each in (said, outbox):
        assert (each["connector"], each["tasks"]) == ("RUNNING", ["RUNNING"])
    assert (outbox["slot"], outbox["slot_active"]) == ("millrace_bank_outbox", True)
    assert (said["slot"], said["slot_active"]) == ("millrace_bank", True)
    assert said["lag"].keys() == {"handbook", "rules"}
    plain, dry = command(bank, "cdc", "status"), command(bank, "cdc", "apply", "--dry-run")
    for each in (done, plain, dry):
        assert PASSWORD not in each.stdout + each.stderr
    log = Path(bank.connect.log).read_text()
    assert PASSWORD not in log


def test_a_wrong_mapping_is_told_by_the_live_table(bank: World) -> None:
    bank.sql("CREATE TABLE ledger (id int, note text)")
    proposal = command(bank, "cdc", "map", "bank", "public.ledger")
    assert proposal.returncode == 0, proposal.stderr
    assert "table: public.ledger" in proposal.stdout
    missing = command(bank, "cdc", "map", "bank", "public.absent")
    assert missing.returncode == 2
    assert "database bank has no table public.absent" in missing.stderr


def test_a_table_is_read_again_while_changes_go_on(bank: World) -> None:
    before = bank.edge.records("bank.public.rules")
    read = sum(b'"op":"r"' in (record.value or b"") for record in before)
    done = command(bank, "cdc", "snapshot", "rules")
    assert done.returncode == 0, done.stderr
    rows = bank.sql("SELECT count(*) FROM rules")[0][0]

    def again() -> bool:
        found = list(bank.edge.records("bank.public.rules"))
        return sum(b'"op":"r"' in (record.value or b"") for record in found) >= read + rows

    until(again, "all rows to be read again", 60)


def test_a_column_that_is_added_goes_on_and_one_that_is_dropped_is_named(bank: World) -> None:
    bank.sql("ALTER TABLE handbook ADD COLUMN extra text DEFAULT 'x'")
    bank.sql("INSERT INTO handbook (id, body) VALUES (40, 'After the new column.')")
    bank.await_searchable({"handbook/40": "After the new column."}, "handbook/40", 30)
    bank.sql("ALTER TABLE handbook DROP COLUMN title")
    bank.sql("INSERT INTO handbook (id, body) VALUES (41, 'After the dropped column.')")
    until(bank.letters, "a dead letter", 30)
    (letter,) = bank.letters()
    assert (letter.stage, letter.topic) == ("ingest.handbook", "bank.public.handbook")
    assert "the row has no column 'title'; it has id, body, hits, extra" in letter.reason
    done = command(bank, "cdc", "map")
    assert done.returncode == 1
    assert "'title' is column 'title', which public.handbook does not have" in done.stdout
    bank.sql("ALTER TABLE handbook ADD COLUMN title text")


def test_a_truncated_table_and_a_lost_slot_are_named_and_mended(bank: World) -> None:
    until(lambda: bank.searchable(prefix="rules/"), "documents to be truncated", 60)
    before = len(bank.letters())
    bank.sql("TRUNCATE rules")
    until(lambda: len(bank.letters()) > before, "a dead letter", 30)
    assert "the table was truncated: `millrace cdc prune`" in bank.letters()[-1].reason
    bank.connect.stop()
    until(lambda: not bank.sql("SELECT 1 FROM pg_replication_slots WHERE active"), "its end", 30)
    bank.sql("SELECT pg_drop_replication_slot('millrace_bank')")
    bank.sql("DELETE FROM handbook WHERE id = 10")
    bank.sql("INSERT INTO handbook (id, body) VALUES (50, 'Nobody saw it come.')")
    bank.connect.start()
    bank.connect.wait_ready()

    def failed() -> str:
        done = command(bank, "cdc", "status")
        return done.stdout if done.returncode == 1 else ""

    said = until(failed, "status to name it", 60)
    assert "replication slot millrace_bank of database bank is gone" in said
    assert "`millrace cdc apply --again`" in said
    done = command(bank, "cdc", "apply", "--again", "bank")
    assert done.returncode == 0, done.stderr
    bank.await_searchable({"handbook/50": "Nobody saw it come."}, "handbook/50", 60)
    done = command(bank, "cdc", "prune", "rules", "handbook")
    assert done.returncode == 0, done.stderr
    rows = {f"handbook/{number}" for (number,) in bank.sql("SELECT id FROM handbook")}
    found = bank.searchable()
    assert {doc for doc in found if doc.startswith("handbook/")} == rows
    assert not [doc for doc in found if doc.startswith("rules/")]
    assert command(bank, "cdc", "status").returncode == 0
