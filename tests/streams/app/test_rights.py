"""What each principal may do follows from the topology: all that it needs, and nothing more."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from streams.app import opening, permitted
from streams.app.rights import Flow, Principal, Right, by_process, by_stage, of_stage, principals
from streams.app.settings import Settings
from streams.flow.stage import Stage
from streams.runtime.orders import beside
from tests.support.counting import counting


def flow_of(**said: object) -> Flow:
    settings = Settings(**said)
    return Flow.of(settings, opening.stages(settings))


@pytest.fixture(scope="module")
def flow() -> Flow:
    return flow_of()


def may(principal: Principal, operation: str, resource: str = "topic") -> set[str]:
    return {
        each.name + "*" * each.prefixed
        for each in principal.rights
        if (each.operation, each.resource) == (operation, resource)
    }


def by_name(flow: Flow) -> dict[str, Principal]:
    found = principals(flow, by_stage(flow.stages))
    return {each.name.removeprefix("millrace-"): each for each in found}


def test_a_stage_may_read_and_write_what_its_declaration_says(flow: Flow) -> None:
    found = by_name(flow)
    tiers = {t.name for s in flow.stages for t in s.reads if t.name.startswith("rag.generate.")}
    assert tiers
    for stage in flow.stages:
        who = found[stage.name]
        owners = {stage.mirror.owners.name} if stage.mirror else set[str]()
        acknowledged = {stage.mirror.acknowledged.name} if stage.mirror else set[str]()
        kept = {topic.name for topic in stage.changelogs}
        ports = {port.name for port in stage.needs}
        followed = {"control.tenants"} if "suspensions" in ports else set[str]()
        followed |= {"rag.budgets"} if "purse" in ports else set()
        read = {t.name for t in stage.reads} | kept | owners | acknowledged | followed
        assert may(who, "read") == read
        family = tiers if any(t.suffix for t in stage.writes) else set[str]()
        named = {t.name for t in stage.writes if t.suffix is None}
        assert may(who, "write") == named | {stage.dead_letters.name} | kept | owners | family
        groups = {f"millrace.{each.group}" for each in stage.subscriptions}
        leases = {f"millrace.{name}" for name in owners}
        assert may(who, "read", "group") == groups | {*map(beside, groups)} | leases
        begins = {f"{group}/*" for group in groups}
        assert may(who, "write", "transactional_id") == begins
        assert not may(who, "create") and not may(who, "alter_configs")


def test_no_stage_may_use_another_ones_groups_or_transactional_ids(flow: Flow) -> None:
    """A prefix of one must be no beginning of another's, such as that of a feed of its own."""
    ids = [
        (stage.name, right.name)
        for stage in flow.stages
        for right in of_stage(flow, stage)
        if right.resource == "transactional_id"
    ]
    for name, begin in ids:
        for other, one in ids:
            assert name == other or not one.startswith(begin), (name, other)


def test_state_and_families_are_in_the_rights() -> None:
    stage: Stage = counting()
    flow = Flow([stage], "p")
    found = set(of_stage(flow, stage))
    assert {Right("topic", "test.counts", "read"), Right("topic", "test.counts", "write")} <= found
    assert Right("group", "p.count", "read") in found


def test_where_the_index_is_a_server_nobody_has_it_for_himself() -> None:
    flow = flow_of(
        index={"dense": "qdrant", "lexical": "qdrant"}, qdrant={"url": "http://127.0.0.1:9"}
    )
    index = by_name(flow)["index"]
    assert "index.owners" not in may(index, "read") | may(index, "write")
    assert "docs.indexed" not in may(index, "read")


def test_who_asks_feeds_and_operates_has_what_that_takes(flow: Flow) -> None:
    found = by_name(flow)
    assert may(found["asker"], "write") == {"rag.requests", "rag.feedback"}
    assert may(found["asker"], "read") == {"rag.answers"}
    writing = flow_of(tiers={"local": {"url": "http://127.0.0.1:9", "model": "m"}}, tier="local")
    assert may(by_name(writing)["asker"], "read") == {"rag.answers", "rag.partials"}
    assert may(found["feeder"], "write") == {"docs.feed", "docs.feed.bulk", "docs.sources"}
    assert may(found["feeder"], "read") == {"docs.indexed", "docs.dlq", "docs.sources"}
    assert may(found["feeder"], "write", "transactional_id") == {"millrace.source/*"}
    read = {topic.name for stage in flow.stages for topic in stage.reads}
    operator = found["operator"]
    others = {"control.tenants", "docs.sources"}  # to suspend, and to follow a source
    assert may(operator, "write") == read | others, "dead letters go back where they were read"
    assert read < may(operator, "read")
    assert may(operator, "create") == may(operator, "read") == may(operator, "alter_configs")
    assert not {"docs.indexed", "index.owners", "rag.answers"} & may(operator, "write")
    scaler = found["scaler"]
    assert may(scaler, "describe") == read
    groups = {f"millrace.{each.group}" for stage in flow.stages for each in stage.subscriptions}
    assert may(scaler, "describe", "group") == groups
    assert not may(scaler, "read") and not may(scaler, "write")


def test_where_topics_say_who_asks_each_tenant_has_its_own_and_no_others() -> None:
    flow = flow_of(identity="topic", tenants="a, a.b", reply_topics="rag.answers.a")
    found = by_name(flow)
    assert "asker" not in found
    assert may(found["asker-a"], "write") == {"rag.requests.a", "rag.feedback"}
    assert may(found["asker-a"], "read") == {"rag.answers.a"}
    assert may(found["asker-a.b"], "read") == set()
    assert may(found["asker-a"], "read", "group") == {"millrace-asker-a/*"}
    assert "rag.answers.a" in may(found["rewrite"], "write"), "whoever answers may copy it there"
    assert "rag.answers.a" not in may(found["chunk"], "write")


def test_a_process_has_what_its_stages_have_and_no_more(flow: Flow) -> None:
    alone = by_name(flow)
    together = by_process(flow.stages)
    for each in principals(flow, together):
        name = each.name.removeprefix("millrace-")
        if name not in together:
            continue
        stages = [alone[stage.name] for stage in together[name]]
        every = {right for stage in stages for right in stage.rights}
        used = {(r.resource, r.name) for r in every if r.operation in ("read", "write")}
        # To look at what it reads or writes anyway needs no right of its own.
        looked = {r for r in every if r.operation == "describe" and (r.resource, r.name) in used}
        assert set(each.rights) == every - looked


def test_who_keeps_windows_of_usage_has_its_tables_and_no_others() -> None:
    assert "usage" not in by_name(flow_of())
    found = by_name(flow_of(usage_windows=True))
    kept = {f"millrace.usage-{table}-changelog" for table in ("days", "sliding", "spent")}
    assert may(found["usage"], "read") == kept | {"rag.usage"}
    assert may(found["usage"], "write") == kept | {"rag.budgets", "rag.dlq"}
    assert may(found["usage"], "create") == kept
    assert may(found["usage"], "read", "group") == {"millrace.usage"}
    assert kept < may(found["operator"], "read"), "`millrace cost` reads them"
    assert not kept & may(found["operator"], "write")
    assert "rag.usage" in may(found["operator"], "write"), "`dlq replay` sends there"


def test_who_lets_questions_in_looks_at_those_behind_and_reads_nothing_of_them(flow: Flow) -> None:
    admit = by_name(flow)["admit"]
    behind = {"rewrite", "retrieve", "rerank", "generate.extractive"}
    assert may(admit, "describe", "group") >= {f"millrace.{each}" for each in behind}
    assert not may(admit, "read", "group") & {f"millrace.{each}" for each in behind}


def test_no_right_is_said_twice(flow: Flow) -> None:
    for each in principals(flow, by_process(flow.stages)):
        assert len(set(each.rights)) == len(each.rights)
        reading = {(r.resource, r.name) for r in each.rights if r.operation in ("read", "write")}
        describing = {(r.resource, r.name) for r in each.rights if r.operation == "describe"}
        assert not describing & reading


def test_a_broker_that_tells_nothing_of_rights_stops_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(permitted, "CALL_S", 0.01)
    silent = {"rag.requests": Future[None]()}
    permitted._compare(Settings(), "topic", {"rag.requests": ["read"]}, silent)
