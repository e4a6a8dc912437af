"""What a cluster is told follows from the topology, whole and current."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.app import opening
from streams.app.settings import load
from streams.release.kubernetes import chart
from streams.release.kubernetes.schema import hidden_variables
from streams.release.kubernetes.values import SIZES
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
    tier = {"url": "http://127.0.0.1:9", "model": "m"}
    settings = load({"tiers": dict.fromkeys(chart.TIERS, tier), "answers": {"cached": "never"}})
    read = {
        (each.group, topic.name)
        for stage in opening.stages(settings)
        for each in stage.subscriptions
        for topic in each.topics
    }
    table = _table(index)
    covered = [(t["group"], t["topic"]) for row in table for t in row["triggers"]]
    assert sorted(covered) == sorted(read)
    stages = [name for row in table for name in row["stages"]]
    assert sorted(stages) == sorted(stage.name for stage in opening.stages(settings))


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
    assert peers == {
        "embed": ["encoder", "redis"],
        "index": ["opensearch", "qdrant"],
        "admit": ["redis"],
        "rewrite": ["redis", "tiers"],
        "retrieve": ["encoder", "opensearch", "qdrant"],
        "rerank": ["reranker"],
        "generate-local": ["tiers"],
        "generate-premium": ["tiers"],
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
