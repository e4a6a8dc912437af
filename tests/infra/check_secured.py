"""Rights and routes in what the chart renders: what the topology says, no more and no less.

Run by `make check-infra`, as `check_chart`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml

from streams.flow.stage import Stage
from tests.infra.check_chart import CHART, SECURED, SERVERS, Object, of, template
from tests.support import graph

Grants = dict[str, graph.Allowed]


@cache
def rendered(*more: str) -> list[Object]:
    said = [f"--set={each}" for each in SECURED]
    code, out, error = template(*said, *(f"--set-string={each}" for each in more))
    assert code == 0, error
    return [each for each in yaml.safe_load_all(out) if each]


def grants(objects: list[Object]) -> Grants:
    return {
        name: graph.rendered(each["spec"]["authorization"]["acls"])
        for name, each in of(objects, "KafkaUser").items()
    }


def workloads() -> dict[str, list[Stage]]:
    every = {stage.name: stage for stage in graph.whole()}
    table = yaml.safe_load((CHART / "stages.yaml").read_text())["folder"]
    stages = [row for row in table if not row["setting"]]
    return {row["name"]: [every[each] for each in row["stages"]] for row in stages}


def expected(prefix: str) -> Grants:
    together = workloads()
    every = [stage for stages in together.values() for stage in stages]
    return {
        f"{prefix}-{name}": graph.allowed(stages, every, prefix, here=True)
        for name, stages in together.items()
    }


def differences(found: Grants, wanted: Grants) -> list[str]:
    """Each right that one side alone has."""
    return [
        f"{name}: {right}"
        for name in wanted
        for right in sorted(found.get(name, set()) ^ wanted[name])
    ]


def test_each_user_has_the_rights_that_follow_from_the_topology_and_no_others() -> None:
    assert differences(grants(rendered()), expected("millrace")) == []
    assert differences(grants(rendered("kafka.groupPrefix=other")), expected("other")) == []


def test_who_keeps_windows_of_usage_is_a_user_where_it_is_there() -> None:
    assert "millrace-usage" not in grants(rendered())
    objects = rendered("settings.MILLRACE_USAGE_WINDOWS=true")
    assert grants(objects)["millrace-usage"] == graph.counting("millrace")
    assert "m-usage" in of(objects, "StatefulSet")


@pytest.mark.parametrize(
    "change",
    [
        lambda acls: acls.pop(),
        lambda acls: acls[0]["operations"].append("Alter"),
        lambda acls: acls[-1]["resource"].update(patternType="literal"),
    ],
)
def test_a_right_more_or_less_is_noticed(change: Callable[[list[Any]], Any]) -> None:
    objects = yaml.safe_load(yaml.safe_dump(rendered()))
    change(of(objects, "KafkaUser")["millrace-embed"]["spec"]["authorization"]["acls"])
    found = differences(grants(objects), expected("millrace"))
    assert found and all(each.startswith("millrace-embed: ") for each in found)


def test_each_workload_is_its_own_user_by_a_file_of_its_own_secret() -> None:
    sets = of(rendered(), "StatefulSet")
    assert {name.removeprefix("m-") for name in sets} == workloads().keys()
    for name, each in sets.items():
        pod = each["spec"]["template"]["spec"]
        said = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
        user = f"millrace-{name.removeprefix('m-')}"
        assert said["MILLRACE_BROKER__USER"] == user
        secrets = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
        assert secrets == {"user": user, "authority": "ca"}
        assert said["MILLRACE_BROKER__PASSWORD_FILE"] == "/etc/millrace/user/password"
        assert said["MILLRACE_BROKER__TLS"] == "true"


def test_a_certificate_may_say_who_a_workload_is() -> None:
    objects = rendered("kafka.authentication=tls")
    for each in of(objects, "KafkaUser").values():
        assert each["spec"]["authentication"] == {"type": "tls"}
    pod = of(objects, "StatefulSet")["m-embed"]["spec"]["template"]["spec"]
    said = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
    assert said["MILLRACE_BROKER__CERTIFICATE_FILE"] == "/etc/millrace/user/user.crt"
    assert "MILLRACE_BROKER__USER" not in said


def test_the_mesh_lets_speak_whoever_needs_to_and_nobody_else() -> None:
    objects = rendered()
    policies = of(objects, "AuthorizationPolicy")
    accounts = {
        name: f"cluster.local/ns/{each['metadata']['namespace']}/sa/{name}"
        for name, each in of(objects, "ServiceAccount").items()
    }
    routes = {
        (account.removeprefix("m-"), server)
        for server in SERVERS
        for rule in policies[f"m-{server}"]["spec"]["rules"]
        for source in rule["from"]
        for account in accounts
        if accounts[account] in source["source"]["principals"]
    }
    wanted = {
        (name, server)
        for name, stages in workloads().items()
        for server in graph.spoken_to(stages) | {"kafka"}
    }
    assert routes == wanted
    for name in accounts:
        (rule,) = policies[name]["spec"]["rules"]
        assert rule["to"] == [{"operation": {"ports": ["9464"]}}], "asked for figures alone"
    strict = [each for each in objects if each["kind"] == "PeerAuthentication"]
    assert {each["metadata"]["namespace"] for each in strict} == of(objects, "Namespace").keys()
    assert all(each["spec"] == {"mtls": {"mode": "STRICT"}} for each in strict)


def test_network_policies_let_out_to_the_same_servers_as_the_mesh() -> None:
    """By ports, which tell the servers apart; a name is asked for by all."""
    network = yaml.safe_load((CHART / "values.yaml").read_text())["network"]
    ports = {each: {*network[each]["ports"]} for each in SERVERS}
    more = [f"network.{each}.to[0].namespaceSelector.matchLabels.a=b" for each in SERVERS]
    policies = of(rendered(*more), "NetworkPolicy")
    for name, stages in workloads().items():
        out = policies[f"m-{name}"]["spec"]["egress"]
        found = {port["port"] for rule in out for port in rule["ports"]} - {53}
        servers = graph.spoken_to(stages) | {"kafka"}
        wanted = {port for each in servers for port in ports[each]}
        assert found == wanted, name
