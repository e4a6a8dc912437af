"""The chart: linted, rendered for each example, each object as its definition says, and safe.

Run by `make check-infra`: it needs Go, for helm and kubeconform.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.infra.strict import schemas
from tests.infra.tools import KUBERNETES, run

INFRA = Path(__file__).parents[2] / "infra" / "helm"
CHART, EXAMPLES = INFRA / "millrace", INFRA / "examples"
NAMES = ("small", "medium", "bank")
SERVERS = ("kafka", "encoder", "opensearch", "qdrant", "redis", "reranker", "tiers")
SECURED = (
    "kafka.strimzi.enabled=true",
    "kafka.authentication=scram",
    "kafka.encryption=true",
    "kafka.caSecret.name=ca",
    "mesh.enabled=true",
    *(f"settings.MILLRACE_TIERS__{each}__URL=http://model" for each in ("LOCAL", "PREMIUM")),
    *(f"mesh.servers.{each}.namespace=rag-platform" for each in SERVERS),
    *(f"mesh.servers.{each}.labels.app={each}" for each in SERVERS),
)
# What is in flight is finished, and a transaction that hangs is over.
SHUTDOWN_S = 20 + 15

Object = dict[str, Any]


def template(*arguments: str) -> tuple[int, str, str]:
    done = run("helm", "template", "m", str(CHART), "--kube-version", KUBERNETES, *arguments)
    return done.returncode, done.stdout, done.stderr


def conform(said: str, *arguments: str) -> CompletedProcess[str]:
    """What kubeconform says of these objects."""
    place = f"{schemas()}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"
    return run("kubeconform", "-strict", "-schema-location", place, *arguments, input=said)


@pytest.fixture(scope="module", params=[*NAMES, "prometheus", "secured"])
def said(request: pytest.FixtureRequest) -> str:
    arguments = ["-f", str(EXAMPLES / f"{request.param}.yaml")]
    if request.param == "prometheus":
        arguments = ["--set", "scaling.by=prometheus"]
    if request.param == "secured":
        arguments = [f"--set={each}" for each in SECURED]
    code, out, error = template(*arguments)
    assert code == 0, error
    return out


@pytest.fixture
def objects(said: str) -> list[Object]:
    return [each for each in yaml.safe_load_all(said) if each]


def of(objects: list[Object], kind: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for name, each in of(objects, "StatefulSet").items():
        yield name, each["spec"]["template"]["spec"]


def test_helm_finds_nothing_wrong() -> None:
    done = run("helm", "lint", "--strict", "--kube-version", KUBERNETES, str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_object_is_as_its_definition_says(said: str) -> None:
    done = conform(said, "-summary", "-output", "json")
    found = json.loads(done.stdout)
    assert found["summary"]["valid"] == len([e for e in yaml.safe_load_all(said) if e]), found
    assert done.returncode == 0, done.stdout


def test_an_object_with_a_field_too_many_or_of_a_wrong_kind_is_found(said: str) -> None:
    for old, new in (
        ("cooldownPeriod: ", "coolDownPeriod: "),
        ("podManagementPolicy: Parallel", "podManagement: Parallel"),
        ("terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: soon"),
        ("interval: 15s", "intervall: 15s"),
    ):
        assert old in said
        assert conform(said.replace(old, new)).returncode == 1, f"{new} is let through"


def test_a_wrong_word_in_a_right_or_a_route_is_found() -> None:
    code, said, error = template(*(f"--set={each}" for each in SECURED))
    assert code == 0, error
    for old, new in (
        ("patternType: prefix", "patternType: prefixed"),
        ("type: transactionalId", "type: transactional_id"),
        ("topicName: docs.feed", "topic: docs.feed"),
        ("requestPercentage: 50", "requestPercentage: half"),
        ("mtls: {mode: STRICT}", "mtls: {mode: strict}"),
        ("action: ALLOW", "action: LET"),
    ):
        assert old in said
        assert conform(said.replace(old, new, 1)).returncode == 1, f"{new} is let through"


def test_no_image_is_whatever_is_newest(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        for each in pod["containers"]:
            assert ":" in each["image"] and not each["image"].endswith(":latest"), name


def test_every_container_has_bounds_and_no_rights(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        for each in pod["containers"]:
            allowed = each["securityContext"]
            assert allowed["readOnlyRootFilesystem"] is True, name
            assert allowed["allowPrivilegeEscalation"] is False, name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= each["resources"]["limits"].keys(), name
            assert {"cpu", "memory"} <= each["resources"]["requests"].keys(), name


def test_no_pod_has_a_token(objects: list[Object]) -> None:
    accounts = of(objects, "ServiceAccount")
    for name, pod in pods(objects):
        assert pod["automountServiceAccountToken"] is False
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False, name


def test_every_pod_has_probes_that_mean_progress_and_time_to_finish(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        assert pod["terminationGracePeriodSeconds"] > SHUTDOWN_S, name
        (worker,) = pod["containers"]
        assert worker["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert worker["livenessProbe"]["httpGet"]["path"] == "/healthz"
        environment = {each["name"]: each for each in worker["env"]}
        assert environment["MILLRACE_WORKER"]["valueFrom"]["fieldRef"] == {
            "fieldPath": "metadata.name"
        }, "a successor has its name"


def test_every_workload_is_scaled_spread_kept_up_and_watched(objects: list[Object]) -> None:
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in of(objects, "ScaledObject").values()
    }
    for name, pod in pods(objects):
        fixed = of(objects, "StatefulSet")[name]["spec"].get("replicas")
        assert (name in scaled) != (fixed == 1), f"{name}: no scaler covers it"
        assert pod["topologySpreadConstraints"] and pod["priorityClassName"]
        assert {name} <= of(objects, "PodDisruptionBudget").keys()
        assert {name} <= of(objects, "ServiceMonitor").keys()
    for name, each in scaled.items():
        assert each["minReplicaCount"] <= each["maxReplicaCount"], name
        assert each["triggers"], name
        if each["triggers"][0]["type"] == "prometheus":
            assert each["minReplicaCount"] >= 1, f"{name}: who is not there tells no lag"


def test_nobody_speaks_to_anybody_unless_a_policy_says_so(objects: list[Object]) -> None:
    policies = of(objects, "NetworkPolicy")
    denied = {
        each["metadata"]["namespace"]
        for each in objects
        if each["metadata"]["name"] == "m-deny" and not {"ingress", "egress"} & each["spec"].keys()
    }
    assert denied == of(objects, "Namespace").keys()
    there = of(objects, "StatefulSet")
    index = "folder" if "volumeClaimTemplates" in there["m-index"]["spec"] else "servers"
    every = yaml.safe_load((CHART / "stages.yaml").read_text())[index]
    # Of tiers those are there that have a model, and what a setting asks for is not.
    table = [
        row for row in every if not (row["tiers"] or row["setting"]) or f"m-{row['name']}" in there
    ]
    assert {f"m-{row['name']}" for row in table} == there.keys()
    said = {
        each["name"]
        for each in there["m-index"]["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    for row in table:
        # Kafka and names for all; nobody has a model, a registry or a collector unless values say.
        wanted = {53, 9092} | ({6379} if "redis" in row["peers"] else set())
        for name, ports in (("qdrant", {6333, 6334}), ("opensearch", {9200})):
            if name in row["peers"] and f"MILLRACE_{name.upper()}__URL" in said:
                wanted |= ports
        egress = policies[f"m-{row['name']}"]["spec"]["egress"]
        assert wanted == {port["port"] for rule in egress for port in rule["ports"]}, row["name"]


def test_every_namespace_with_pods_has_a_quota_and_bounds(objects: list[Object]) -> None:
    quotas = {
        each["metadata"]["namespace"]: each for each in objects if each["kind"] == "ResourceQuota"
    }
    ranges = {
        each["metadata"]["namespace"]: each["spec"]["limits"][0]
        for each in objects
        if each["kind"] == "LimitRange"
    }
    for each in of(objects, "StatefulSet").values():
        where = each["metadata"]["namespace"]
        hard = quotas[where]["spec"]["hard"]
        assert {"requests.cpu", "limits.memory", "requests.nvidia.com/gpu"} <= hard.keys()
        # Who says nothing of a resource that has a most and no default is given the most of it.
        assert ranges[where]["max"].keys() <= ranges[where]["default"].keys()
        assert ranges[where]["default"]["nvidia.com/gpu"] == "0"


@pytest.mark.parametrize("by", ["kafka", "prometheus"])
def test_windows_of_usage_are_kept_where_a_setting_asks_for_them_and_scaled_by_lag(by: str) -> None:
    wanted = (f"--set=scaling.by={by}", "--set-string=settings.MILLRACE_USAGE_WINDOWS=true")
    code, out, error = template(*wanted)
    assert code == 0, error
    found = [each for each in yaml.safe_load_all(out) if each]
    assert conform(out).returncode == 0
    pod = dict(pods(found))["m-usage"]
    (worker,) = pod["containers"]
    assert [*worker["command"], *worker["args"]] == ["millrace", "run", "usage"]
    scaled = of(found, "ScaledObject")["m-usage"]["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"]["consumerGroup"] == "millrace.usage"
    assert trigger["metadata"]["topic"] == "rag.usage"
    assert scaled["minReplicaCount"] == 1
    for kind in ("NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor", "ServiceAccount"):
        assert "m-usage" in of(found, kind), kind
    code, out, _ = template("--set-string=settings.MILLRACE_USAGE_WINDOWS=false")
    assert code == 0 and "m-usage" not in out


def test_a_secret_goes_to_whoever_opens_what_it_is_for() -> None:
    secret = "secrets.MILLRACE_{}.name=s,secrets.MILLRACE_{}.key=k"
    names = ("TIERS__LOCAL__KEY", "REDIS__URL", "KAFKA")
    here = "--set=settings.MILLRACE_TIERS__LOCAL__URL=http://m"
    code, out, error = template(here, *(f"--set={secret.format(name, name)}" for name in names))
    assert code == 0, error
    holds: dict[str, set[str]] = {name: set() for name in names}
    for workload, pod in pods([each for each in yaml.safe_load_all(out) if each]):
        for each in pod["containers"][0]["env"]:
            if "secretKeyRef" in each.get("valueFrom", {}):
                holds[each["name"].removeprefix("MILLRACE_")].add(workload.removeprefix("m-"))
    assert holds["TIERS__LOCAL__KEY"] == {"rewrite", "generate-local"}
    assert holds["REDIS__URL"] == {"embed", "admit", "rewrite", "generate-local", "remember"}
    assert len(holds["KAFKA"]) == 13  # of the tiers the one that quotes, and this one


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("stages.embed.min=5", "stages.embed.min is 5, and its topics have 4 partitions"),
        ("stages.embed.min=2,stages.embed.max=1", "stages.embed.min is 2, and max is 1"),
        ("kafka.partition=4", "partition"),
        ("image.tag=latest", "tag"),
        ("settings.MILLRACE_TIERR=local", "MILLRACE_TIERR"),
        ("settings.MILLRACE_TIERS__LOCAL__KEY=secret", "MILLRACE_TIERS__LOCAL__KEY"),
        ("stages.embed.resources=null", "resources"),
        ("namespaces.quotas.retrieval=null", "retrieval"),
        ("settings.MILLRACE_QDRANT__KEY=secret", "MILLRACE_QDRANT__KEY"),
    ],
)
def test_values_that_are_wrong_are_refused_by_name(values: str, named: str) -> None:
    code, _, error = template("--set", values)
    assert code != 0
    assert named in error


def test_the_depth_of_retrieval_is_recorded_and_scales_it_by_prometheus() -> None:
    code, out, error = template(
        "-f", str(EXAMPLES / "medium.yaml"), "--set", "scaling.by=prometheus"
    )
    assert code == 0, error
    found = [each for each in yaml.safe_load_all(out) if each]
    (trigger,) = of(found, "ScaledObject")["m-retrieve"]["spec"]["triggers"]
    assert trigger["metadata"]["query"] == "rag_retrieval_queue_depth"
    assert trigger["metadata"]["threshold"] == "50"
    groups = of(found, "PrometheusRule")["m-rules"]["spec"]["groups"]
    recorded = {r["record"]: r["expr"] for g in groups for r in g["rules"] if "record" in r}
    assert recorded["rag_retrieval_queue_depth"] == 'sum(millrace_lag{stage=~"retrieve"})'
    scaled = {
        each["spec"]["triggers"][0]["metadata"]["query"]
        for each in of(found, "ScaledObject").values()
    }
    assert scaled <= recorded.keys(), "who is scaled by Prometheus has its lag recorded"


def test_rules_and_dashboards_are_what_was_rendered_and_can_be_left_out() -> None:
    _, out, _ = template()
    found = [each for each in yaml.safe_load_all(out) if each]
    rules = yaml.safe_load((CHART / "rules.yaml").read_text())
    assert of(found, "PrometheusRule")["m-rules"]["spec"] == rules
    for path in (CHART / "dashboards").glob("*.json"):
        said = of(found, "ConfigMap")[f"m-dashboard-{path.stem}"]["data"][path.name]
        assert json.loads(said) == json.loads(path.read_text())
    _, out, _ = template("--set=monitoring.rules=false,monitoring.dashboards=false")
    assert "PrometheusRule" not in out and "m-dashboard-" not in out


def test_more_workers_than_partitions_are_capped_with_a_warning() -> None:
    code, out, error = template("--set", "stages.embed.max=9")
    assert code == 0, error
    scaled = of([each for each in yaml.safe_load_all(out) if each], "ScaledObject")
    assert scaled["m-embed"]["spec"]["maxReplicaCount"] == 4
    said = scaled["m-embed"]["metadata"]["annotations"]["millrace.io/capped"]
    assert "stages.embed.max is 9, and its topics have 4 partitions" in said
    assert "millrace.io/capped" not in scaled["m-chunk"]["metadata"]["annotations"]
