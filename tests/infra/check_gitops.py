"""What Argo CD is told, by its own definitions. Run by `make check-infra`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.release import gitops
from streams.release.observing.objectives import edges
from streams.release.onboarding import Kind, files
from tests.infra.check_chart import CHART, NAMES, SECURED, Object, conform, of, template
from tests.infra.check_rules import promtool
from tests.support import graph

INFRA = Path(__file__).parents[2] / "infra"
ARGOCD = INFRA / "gitops" / "argocd.yaml"
DIGEST = "sha256:" + "0" * 64
VERIFIED = (
    "verification.enabled=true",
    f"verification.image=registry.example.com/cosign@{DIGEST}",
    "verification.publicKey=key",
    "verification.registrySecret=registry",
    f"image.digest={DIGEST}",
)


def rendered(*said: str, values: str = "") -> list[Object]:
    code, out, error = template(*(("-f", values) if values else ()), *(f"--set={e}" for e in said))
    assert code == 0, error
    return [each for each in yaml.safe_load_all(out) if each]


def group(each: Object) -> str:
    return each["apiVersion"].rpartition("/")[0]


def test_each_object_is_as_argo_cd_defines_it() -> None:
    said = ARGOCD.read_text()
    done = conform(said, "-summary", "-output", "json")
    count = len([*yaml.safe_load_all(said)])
    assert json.loads(done.stdout)["summary"]["valid"] == count, done.stdout
    assert count == 3 + 1 + 1  # a project each, the applications, the alerts
    for old, new in (
        ("selfHeal: true", "selfHeals: true"),
        ("sourceRepos:", "sources:"),
        ("goTemplate: true", "goTemplate: sometimes"),
        ("preserveResourcesOnDeletion", "preserveResources"),
        ("manualSync: false", "manual: false"),
    ):
        assert old in said
        assert conform(said.replace(old, new, 1)).returncode == 1, f"{new} is let through"


def test_a_project_lets_in_what_the_chart_makes_and_nothing_else() -> None:
    made: set[tuple[str, str]] = set()
    for said in (
        rendered(values=str(INFRA / "helm" / "examples" / "bank.yaml")),
        rendered(*SECURED),
        rendered(*VERIFIED),
    ):
        made |= {(group(each), each["kind"]) for each in said}
    assert made == {*gitops.OF_CLUSTER, *gitops.OF_NAMESPACE}
    where = {each["metadata"].get("namespace") for each in rendered(*SECURED, *VERIFIED)} - {None}
    projects = [e for e in yaml.safe_load_all(ARGOCD.read_text()) if e["kind"] == "AppProject"]
    for each in projects:
        assert {d["namespace"] for d in each["spec"]["destinations"]} >= where


@pytest.mark.parametrize("name", ["development", "staging", "production"])
def test_the_values_of_each_environment_are_ones_that_the_chart_takes(name: str) -> None:
    assert of(rendered(values=str(INFRA / "environments" / f"{name}.yaml")), "StatefulSet")


@pytest.mark.parametrize("example", NAMES)
def test_who_reads_an_event_is_changed_before_who_writes_it(example: str) -> None:
    found = rendered(values=str(INFRA / "helm" / "examples" / f"{example}.yaml"))
    waves: dict[str, int] = {}
    for kind in ("StatefulSet", "ScaledObject"):
        for name, each in of(found, kind).items():
            wave = int(each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
            assert waves.setdefault(name, wave) == wave > 0, "after what they need"
    index = "folder" if "volumeClaimTemplates" in str(found) else "servers"
    table = yaml.safe_load((CHART / "stages.yaml").read_text())[index]
    place = {stage: f"m-{row['name']}" for row in table for stage in row["stages"]}
    order = [stage.name for stage in graph.whole()]
    pairs = 0
    for writer in graph.whole():
        for reader in graph.whole():
            back = order.index(reader.name) <= order.index(writer.name)  # a loop has no first
            both = {place[writer.name], place[reader.name]}
            if back or len(both) < 2 or not both <= waves.keys():
                continue
            if {t.name for t in writer.writes} & {t.name for t in reader.reads}:
                pairs += 1
                assert waves[place[reader.name]] < waves[place[writer.name]]
    assert pairs > 5


def test_signatures_are_looked_at_before_anything_is_changed() -> None:
    code, out, error = template(*(f"--set={each}" for each in VERIFIED))
    assert code == 0, error
    assert conform(out).returncode == 0
    found = [each for each in yaml.safe_load_all(out) if each]
    job = of(found, "Job")["m-verification"]
    hooks = [e for e in found if "argocd.argoproj.io/hook" in e["metadata"].get("annotations", {})]
    assert {e["kind"] for e in hooks} == {"ConfigMap", "NetworkPolicy", "Job"}
    assert {e["metadata"]["annotations"]["argocd.argoproj.io/hook"] for e in hooks} == {"PreSync"}
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"][-1] == f"millrace@{DIGEST}"
    workers = of(found, "StatefulSet").values()
    images = {w["spec"]["template"]["spec"]["containers"][0]["image"] for w in workers}
    assert all(each.endswith(DIGEST) for each in images)
    allowed: dict[str, Any] = container["securityContext"]
    assert allowed["readOnlyRootFilesystem"] and not allowed["allowPrivilegeEscalation"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("image.digest=", "image.digest is empty"),
        ("verification.image=cosign:latest", "name cosign's image by its digest"),
        ("verification.publicKey=", "verification.publicKey is empty"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_name(change: str, said: str) -> None:
    code, _, error = template(*(f"--set={each}" for each in (*VERIFIED, change)))
    assert code != 0
    assert said in error


def test_drift_and_a_refused_change_are_told(tmp_path: Path) -> None:
    (drift,) = [e for e in yaml.safe_load_all(ARGOCD.read_text()) if e["kind"] == "PrometheusRule"]
    rules, file = tmp_path / "rules.json", tmp_path / "tests.json"
    rules.write_text(json.dumps(drift["spec"]))
    app = 'name="millrace-production"'

    def case(alert: str, series: str, values: str, *, fires: bool) -> Object:
        (rule,) = [r for r in drift["spec"]["groups"][0]["rules"] if r["alert"] == alert]
        labels = dict(part.split("=") for part in series.partition("{")[2].strip("}").split(","))
        labels = {key: value.strip('"') for key, value in labels.items()}
        said = dict(rule["annotations"])
        said["summary"] = said["summary"].replace("{{ $labels.name }}", labels["name"])
        fired = [{"exp_labels": rule["labels"] | labels, "exp_annotations": said}]
        return {
            "interval": "1m",
            "input_series": [{"series": series, "values": values}],
            "alert_rule_test": [
                {"eval_time": "30m", "alertname": alert, "exp_alerts": fired if fires else []}
            ],
        }

    out, synced = f'argocd_app_info{{{app},sync_status="OutOfSync"}}', "Synced"
    failed = f'argocd_app_sync_total{{{app},phase="Failed"}}'
    cases = [
        case("Drifted", out, "1+0x40", fires=True),
        case("Drifted", out.replace("OutOfSync", synced), "1+0x40", fires=False),
        case("Drifted", out.replace("millrace-production", "other"), "1+0x40", fires=False),
        case("SyncFailed", failed, "0+0x20 1+0x20", fires=True),
        case("SyncFailed", failed.replace("Failed", "Succeeded"), "0+0x20 1+0x20", fires=False),
    ]
    tests = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": cases}
    file.write_text(json.dumps(tests))
    done = promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_programs_of_tenants_are_users_that_may_what_an_asker_may(tmp_path: Path) -> None:
    said = {"name": "acme", "owner": "risk", "tenant": "acme"}
    said |= {"budget": "1", "soft": "1", "rate": "1"}
    places: list[str] = []
    programs: tuple[tuple[Kind, str], ...] = (("tenant", "acme"), ("agent", "helper"))
    for kind, name in programs:
        made = files(kind, said | {"name": name}, {each.name: each for each in edges(None)})
        place = tmp_path / f"{kind}.yaml"
        place.write_text(made[f"infra/{kind}s/{name}/values.yaml"])
        places.append(str(place))
    code, out, error = template(
        *(f"--set={each}" for each in SECURED), *(f"--values={each}" for each in places)
    )
    assert code == 0, error
    assert conform(out).returncode == 0
    users = of([each for each in yaml.safe_load_all(out) if each], "KafkaUser")
    asker = users["millrace-asker"]["spec"]["authorization"]["acls"]
    for name in ("acme", "helper"):
        user = users[f"millrace-client-{name}"]
        assert user["metadata"]["labels"]["millrace.io/tenant"] == "acme"
        assert user["spec"]["quotas"] == {"requestPercentage": 25, "producerByteRate": 1048576}
        own = json.dumps(user["spec"]["authorization"]["acls"])
        assert json.loads(own.replace(f"millrace-client-{name}/", "millrace-asker/")) == asker
    code, _, error = template("--set=clients.acme.owner=x")
    assert code != 0 and "clients" in error
