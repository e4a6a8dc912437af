"""Questions answered from a real OpenSearch, by settings alone; without it, and with it again."""

from __future__ import annotations

from pathlib import Path

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from infra.local.opensearch import OpenSearchServer
from tests.real.pipeline import TENANT, Running, running
from tests.system.harness import until

ALIAS = "millrace-pipeline"
FEE = "The foreign ATM fee of the Meridian card is 2.5 percent."


def test_a_store_that_is_away_is_done_without_and_catches_up(
    opensearch: OpenSearchServer, tmp_path: Path
) -> None:
    client = Client(opensearch.url)
    words = OpenSearchIndex(client, ALIAS, "pipeline")
    with running(
        tmp_path,
        index={"name": "pipeline", "lexical": "opensearch"},
        opensearch={"url": opensearch.url, "replicas": 0},
    ) as run:
        run.feed("cards", 1, FEE)
        run.feed("loans", 1, "A loan is repaid in 60 instalments.")
        until(lambda: said(words) == {"cards": FEE, "loans": LOANS}, "both to be in OpenSearch")
        answered(run, "What is the foreign ATM fee of the Meridian card?", degraded=[])

        opensearch.kill()
        away = ["retrieve: lexical unavailable"]
        answered(run, "What is the foreign ATM fee of the Meridian card?", degraded=away)
        run.feed("cards", 2, FEE.replace("2.5", "3.5"))  # waits: nothing is half done
        run.feed("loans", 2, None)
        opensearch.start()
        opensearch.wait_ready()

        until(lambda: said(words) == {"cards": FEE.replace("2.5", "3.5")}, "it to catch up")
        until(lambda: not run.ask("What is the foreign ATM fee?").degraded, "no restart is needed")
        assert "3.5" in run.ask("What is the foreign ATM fee of the Meridian card?").answer
    client.close()


LOANS = "A loan is repaid in 60 instalments."


def said(words: OpenSearchIndex) -> dict[str, str]:
    return {chunk.doc_id: chunk.text for chunk in words.scan(TENANT)}


def answered(run: Running, query: str, degraded: list[str]) -> None:
    answer = run.ask(query)
    assert (answer.status, answer.degraded) == ("answered", degraded)
    assert "2.5" in answer.answer and answer.citations[0].doc_id == "cards"
