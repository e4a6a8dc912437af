"""What a cluster is told follows from the topology, whole and current."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.app.settings import load
from streams.app.topic_options import topic_options
from streams.app.topology import topics_of
from streams.release.kubernetes import chart
from streams.release.kubernetes.schema import hidden_variables
from streams.release.kubernetes.values import SIZES
from tests.support import graph
from tests.support.schemas import problems

INFRA = Path(__file__).parents[3] / "infra"
CHART = INFRA / chart.CHART


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return chart.rendered(load(), version("millrace"))


def test_what_is_committed_is_what_the_topology_says(files: dict[str, str]) -> None:
    assert chart.stale(INFRA, files) == []


def test_a_stale_a_missing_and_a_foreign_file_are_named(
    files: dict[str, str], tmp_path: Path
) -> None:
    chart.write(tmp_path, files)
    values = tmp_path / chart.CHART / "values.yaml"
    values.write_text(values.read_text().replace("partitions: 4", "partitions: 5"))
    (tmp_path / chart.CHART / "stages.yaml").unlink()
    (tmp_path / chart.CHART / "policies" / "former.yaml").write_text("version: former-1\n")
    names = {Path(name).name for name in chart.stale(tmp_path, files)}
    assert names == {"values.yaml", "stages.yaml", "former.yaml"}
    chart.write(tmp_path, files)
    assert chart.stale(tmp_path, files) == []


@pytest.mark.parametrize("index", ["folder", "servers"])
def test_every_topic_that_a_stage_reads_is_looked_at_by_a_scaler_and_no_other(index: str) -> None:
    """A stage that no scaler covers would stand still, or run for ever."""
    read = {
        (each.group, topic.name)
        for stage in graph.whole()
        for each in stage.subscriptions
        for topic in each.topics
    }
    read.add(("usage", "rag.usage"))  # windows of usage, which Faust keeps
    table = _table(index)
    covered = [(t["group"], t["topic"]) for row in table for t in row["triggers"]]
    assert sorted(covered) == sorted(read)
    stages = [name for row in table for name in row["stages"]]
    assert sorted(stages) == sorted(["usage", *(stage.name for stage in graph.whole())])


def _table(index: str) -> list[dict[str, Any]]:
    return yaml.safe_load((CHART / "stages.yaml").read_text())[index]


def test_an_index_in_a_folder_is_one_process_and_servers_are_anybodys() -> None:
    together = {tuple(row["stages"]): row["keeps"] for row in _table("folder")}
    assert together["index", "retrieve"] is True
    assert sum(together.values()) == 1
    assert {("index",), ("retrieve",)} <= {tuple(row["stages"]) for row in _table("servers")}
    assert not any(row["keeps"] for row in _table("servers"))


def test_who_speaks_to_a_store_or_a_model_is_who_needs_it() -> None:
    peers = {row["name"]: row["peers"] for row in _table("servers") if row["peers"]}
    every = {stage.name: stage for stage in graph.whole()}
    for row in _table("servers"):
        if row["setting"]:
            assert not row["peers"]
            continue
        assert set(row["peers"]) == graph.spoken_to([every[each] for each in row["stages"]])
    assert peers == {
        "embed": ["encoder", "redis"],
        "index": ["opensearch", "qdrant"],
        "admit": ["redis"],
        "rewrite": ["redis", "tiers"],
        "retrieve": ["encoder", "opensearch", "qdrant"],
        "rerank": ["reranker"],
        "generate-local": ["redis", "tiers"],
        "generate-premium": ["redis", "tiers"],
        "remember": ["redis"],
    }


def test_values_that_are_wrong_are_refused_by_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert problems(schema, values) == []
    without = {k: v for k, v in values["stages"]["embed"].items() if k != "resources"}
    wrong = {
        "kafka.partition": {"kafka": values["kafka"] | {"partition": 3}},
        "settings.MILLRACE_TIERR": {"settings": {"MILLRACE_TIERR": "x"}},
        "settings.MILLRACE_TIERS__A__KEY": {"settings": {"MILLRACE_TIERS__A__KEY": "x"}},
        "image.tag": {"image": values["image"] | {"tag": "latest"}},
        "stages.embed.resources": {"stages": values["stages"] | {"embed": without}},
        "stages.embedd": {"stages": values["stages"] | {"embedd": values["stages"]["embed"]}},
        "namespaces.quotas.retrieval": {
            "namespaces": values["namespaces"] | {"quotas": {"ingestion": {"pods": "1"}}}
        },
    }
    for where, change in wrong.items():
        assert where in problems(schema, values | change), where


def test_no_secret_can_be_written_into_the_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    plain = schema["properties"]["settings"]["properties"]
    assert {"MILLRACE_KAFKA", "MILLRACE_REDIS__URL", "MILLRACE_JUDGE__KEY"} <= {*hidden_variables()}
    assert not plain.keys() & {*hidden_variables()}


def test_the_examples_ask_for_no_more_workers_than_partitions(files: dict[str, str]) -> None:
    for name in SIZES:
        said = yaml.safe_load(files[f"helm/examples/{name}.yaml"])
        most = max(each["max"] for each in said["stages"].values())
        assert most <= said["kafka"]["partitions"], name


@pytest.mark.parametrize("index", ["folder", "servers"])
def test_a_user_may_do_what_its_stages_do_and_nothing_else(index: str) -> None:
    every = {stage.name: stage for stage in graph.whole()}
    said = yaml.safe_load((CHART / "users.yaml").read_text())[index]
    users = {each["name"]: each for each in said}
    edge = {"asker", "feeder", "operator", "scaler"}
    workloads = {row["name"]: row for row in _table(index)}
    assert users.keys() == workloads.keys() | edge
    assert graph.rendered(users["usage"]["acls"]) == graph.counting("{prefix}")
    for name, row in workloads.items():
        if row["setting"]:
            continue
        stages = [every[each] for each in row["stages"]]
        wanted = graph.allowed(stages, [*every.values()], "{prefix}", here=index == "folder")
        assert graph.rendered(users[name]["acls"]) == wanted, name
        assert users[name]["kind"] == ("background" if row["background"] else "questions")
    changing = {"Write", "Create", "AlterConfigs"}
    for name in edge - {"operator"}:
        may = {(what, op) for _, what, _, op in graph.rendered(users[name]["acls"])}
        internal = {w for w, op in may if op in changing} - {
            topic.name for stage in every.values() for topic in stage.reads if topic.edge
        }
        # Who feeds may follow a source too, and remember what it fed.
        own = {"docs.sources", "{prefix}.source/"} if name == "feeder" else set[str]()
        assert internal == own, f"{name} may change what is not for the edge"


def test_every_topic_of_the_flow_is_made_as_apply_makes_it() -> None:
    found = yaml.safe_load((CHART / "topics.yaml").read_text())["topics"]
    wanted = {topic.name: topic for topic in topics_of(graph.whole())}
    assert [each["name"] for each in found] == [*wanted]
    for each in found:
        assert each["config"] == topic_options(wanted[each["name"]]), each["name"]
    assert {each["name"]: each["partitions"] for each in found}["index.owners"] == 1
