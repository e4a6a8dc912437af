"""A candidate policy: beside the one in force, against it, and over what was asked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.rego.compiled import Compiled
from connectors.rego.differing import differences
from connectors.rego.source import read
from processors.guard.again import otherwise, refused_by
from processors.guard.decision import Decision, Refusal, unavailable
from processors.guard.shadow import Shadowed, difference
from schemas import topics
from schemas.events import QuestionClosed
from streams.cli import command_line
from streams.edge.replaying import replayed
from tests.streams.app.test_guarding import Running
from tests.support.fakes import POLICY, ROOT, FakePorts

NAME = "ask"
TEXT = "The limit of a Gold card is 900 euros."


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Refuses nothing but e-mail addresses, and long questions sooner."""
    shutil.copytree(ROOT / "policies" / "authz", tmp_path / "authz")
    said = (ROOT / "policies" / "tenants.yaml").read_text(encoding="utf-8")
    for kind in ("ssn", "card", "iban", "phone", "key"):
        said = said.replace(f"{kind}: refuse", f"{kind}: allow")
    said = said.replace("query_chars: 2000", "query_chars: 30")
    said = said.replace("unclassified, public, internal", "unclassified, public")
    (tmp_path / "tenants.yaml").write_text(said, encoding="utf-8")
    return tmp_path


def closed(running: Running, *queries: str) -> list[QuestionClosed]:
    for query in queries:
        running.ask(query)
    return running.driver.events(topics.RAG_CLOSED)


def test_what_a_candidate_would_decide_stands_in_the_event_and_changes_nothing(
    candidate: Path,
) -> None:
    policy = Shadowed(POLICY, Compiled(read(candidate)))
    running = Running(FakePorts(policy=policy))
    running.feed("a.txt", TEXT)
    long, card, short = (
        "What is the limit of a Gold card, in euros?",
        "Is 4111 1111 1111 1111 a card?",
        "Limit of a Gold card?",
    )
    by_query = {each.carried.question.query: each for each in closed(running, long, card, short)}
    said = [*by_query[long].carried.decisions]
    mark = Compiled(read(candidate)).mark
    assert by_query[long].answer.status == "answered"
    assert f"admit: policy authz-3@{mark} would refuse by query-length" in said
    assert any(each.startswith("retrieve: policy") and "see classes" in each for each in said)
    masked = by_query["Is [card] a card?"]
    assert masked.answer.status == "refused"
    assert any("would allow what pii-card refuses" in each for each in masked.carried.decisions)


def test_a_candidate_that_is_broken_refuses_in_its_own_words_only() -> None:
    class Broken:
        def decide(self, ask: Any, about: Any) -> Decision:
            return unavailable("it does not compile")

    question = {"tenant": "acme", "text": "", "length": 1, "found": [], "filters": {}}
    who = {"tenant": "acme", "user": "", "roles": [], "classes": [], "proof": "trust"}
    about = {"identity": who, "question": {**question, "reply_to": ""}}
    decided = Shadowed(POLICY, Broken()).decide("ask", about)
    assert decided.allowed and decided.shadow == "policy none would refuse by policy-unavailable"


def test_two_that_decide_alike_say_nothing() -> None:
    one = Decision(True, "a", shown=(1, 2))
    assert difference(one, replace(one, policy="b")) == ""
    assert difference(one, replace(one, shown=(1,))) == "policy a would show hits 1, not 1, 2"
    refused = Decision(False, "b", (Refusal("x", "no"),))
    other = Decision(False, "c", (Refusal("y", "no"),))
    assert difference(refused, other) == "policy c would refuse by y, not by x"


def test_the_differences_of_two_policies_are_told_by_tenant_and_role(candidate: Path) -> None:
    shipped = ROOT / "policies"
    assert differences(shipped, shipped)[1] == []
    count, found = differences(shipped, candidate)
    assert count > len(found)
    named = {each.partition(": policy")[0] for each in found}
    assert {"(unlisted): 31 characters", "(unlisted): card", "(unlisted), everyone: sees"} <= named
    assert "(unlisted): email" not in named
    result = CliRunner().invoke(command_line(), ["policy", "diff", str(shipped), str(candidate)])
    assert result.exit_code == 1 and f"{count} decisions, {len(found)} differ" in result.output
    assert (
        CliRunner().invoke(command_line(), ["policy", "diff", str(shipped), str(shipped)]).exit_code
        == 0
    )


def test_closed_questions_are_asked_again_by_what_their_events_kept(candidate: Path) -> None:
    running = Running()
    running.feed("a.txt", TEXT)
    events = closed(
        running,
        "Limit of a Gold card?",
        "What is the limit of a Gold card, in euros?",
        "Is 4111 1111 1111 1111 a card?",
        "Is a@b.example an address?",
        " ",
    )
    policy = Compiled(read(candidate))
    found = replayed(events, lambda event: otherwise(event, policy))
    assert found.questions == 5
    assert dict(found.changed) == {
        "would refuse by query-length": 1,
        "would answer what was refused by pii-card": 1,
    }
    assert all(len(each) == 1 for each in found.examples.values())
    assert [sorted(refused_by(each)) for each in events].count(["pii-email"]) == 1
    assert not any(otherwise(each, POLICY) for each in events), "as it was decided"
