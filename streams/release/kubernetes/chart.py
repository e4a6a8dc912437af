"""The files of `infra/` that follow from the topology and the settings.

What is written by hand there are the chart's templates: they loop over the table of workloads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from streams.app import policies
from streams.app.opening import stages
from streams.app.ports import AnswersSettings, RerankerSettings, TiersSettings
from streams.app.rights import Flow
from streams.app.settings import Settings
from streams.release import gitops, onboarding
from streams.release.catalogue.asyncapi import asyncapi
from streams.release.catalogue.entities import entities
from streams.release.kubernetes import kafka
from streams.release.kubernetes.schema import schema
from streams.release.kubernetes.values import SIZES, defaults, example
from streams.release.kubernetes.workloads import Workload, counting, either, table, workloads
from streams.release.observing.dashboards import dashboards
from streams.release.observing.objectives import OBJECTIVES, edges
from streams.release.observing.rules import rules
from streams.release.observing.sampling import sampling

CHART = "helm/millrace"
CATALOGUE = "catalogue"
COLLECTOR = "collector/sampling.yaml"
GITOPS = "gitops"
RULES, DASHBOARDS = "rules.yaml", "dashboards"
POLICIES = (
    "authz/*",
    "*.yaml",
    "tenants/*.yaml",
    "prompts/*.md",
    "retrieval/*.json",
    "guard/*.json",
    "weights.json*",
)
_SAID = "# Rendered by `millrace render` from the topology and the settings: edit those.\n"


# The tiers of a chart: those of the settings that render it, and these.
TIERS = ("local", "premium")


def workloads_of(settings: Settings, *, folder: bool) -> list[Workload]:
    """What a cluster may run: whatever tiers there are, whether questions are reworded, or usage is
    kept by windows, or not."""
    plain, full = (workloads(stages(each), folder=folder) for each in with_models(settings))
    return [*either(plain, full), counting()]


def with_models(settings: Settings) -> tuple[Settings, Settings]:
    """These settings with all tiers of a chart, and with all other models too."""
    model = {"url": "http://model", "model": "model"}
    tiers = dict.fromkeys((*TIERS, *settings.of(TiersSettings).all), model)
    configured = settings.model_copy(update={"tiers": TiersSettings.model_validate(tiers)})
    asking = configured.model_copy(update={"rewriter": TIERS[0]})
    asking = asking.having(RerankerSettings, **model)
    return configured, asking


def for_any_model(settings: Settings) -> Settings:
    """These settings, but for what they leave to whether there is a model."""
    if settings.of(AnswersSettings).cached == "auto":
        return settings.having(AnswersSettings, cached="never")
    return settings


def rendered(settings: Settings, version: str) -> dict[str, str]:
    """The content of each file, by its path below `infra/`.

    Raises:
        UserError: a policy file is absent or wrong.
    """
    settings = for_any_model(settings)
    folder, servers = (workloads_of(settings, folder=each) for each in (True, False))
    known = {each.name: each for each in (*servers, *folder)}
    found = [known[each.name] for each in servers]
    every = stages(with_models(settings)[1])
    may = replace(Flow.of(settings, every), prefix=kafka.PREFIX, windows=True)
    users = {
        "folder": kafka.users(replace(may, here=True), folder),
        "servers": kafka.users(replace(may, here=False), servers),
    }
    files = {
        f"{CHART}/topics.yaml": _yaml({"topics": kafka.topics(every)}),
        f"{CHART}/users.yaml": _yaml(users),
        f"{CHART}/Chart.yaml": _yaml(
            {
                "apiVersion": "v2",
                "name": "millrace",
                "description": "Questions and documents as one event-streaming pipeline, a "
                "workload a stage, scaled by lag.",
                "type": "application",
                "version": version,
                "appVersion": version,
                "kubeVersion": ">=1.29.0-0",
            }
        ),
        f"{CHART}/stages.yaml": _yaml(
            {"folder": table(folder, every), "servers": table(servers, every)}
        ),
        f"{CHART}/values.yaml": _yaml(defaults(found, version)),
        f"{CHART}/values.schema.json": json.dumps(schema(found), indent=2) + "\n",
    }
    flow = stages(settings)
    any_models = stages(with_models(settings)[1])
    optional = frozenset(each.name for each in any_models) - {each.name for each in flow}
    files[f"{CHART}/{RULES}"] = _yaml(rules(any_models, settings.policies, optional))
    files[COLLECTOR] = _yaml(sampling(settings.policies))
    for name, each in dashboards(any_models, settings.policies).items():
        files[f"{CHART}/{DASHBOARDS}/{name}.json"] = json.dumps(each, indent=1) + "\n"
    files[f"{CATALOGUE}/asyncapi.yaml"] = _yaml(asyncapi(flow, version, settings.group_prefix))
    found_entities = entities(flow, edges(settings.policies))
    files[f"{CATALOGUE}/catalog-info.yaml"] = _SAID + "---\n".join(map(_plain, found_entities))
    names: dict[str, str] = defaults(found, version)["namespaces"]["names"]
    told = gitops.objects(settings.policies, names)
    files[f"{GITOPS}/argocd.yaml"] = _SAID + "---\n".join(map(_plain, told))
    promised = {each.name: each for each in edges(settings.policies)}
    for kind in onboarding.KINDS:
        place = f"{CATALOGUE}/templates/{kind}"
        said = onboarding.template(kind, gitops.repository(settings.policies))
        files[f"{place}/template.yaml"] = _yaml(said)
        for path, text in onboarding.skeleton(kind, promised).items():
            files[f"{place}/skeleton/{path}"] = text
    for name, size in SIZES.items():
        files[f"helm/examples/{name}.yaml"] = f"# {size.said}\n" + _yaml(example(servers, size))
    folder = settings.policies or policies.SHIPPED
    for pattern in POLICIES:
        for path in sorted(folder.glob(pattern)):
            name = path.relative_to(folder).as_posix()
            if name not in (OBJECTIVES, gitops.ENVIRONMENTS):  # no worker reads them
                files[f"{CHART}/policies/{name}"] = policies.text(path)
    return files


def _yaml(said: Mapping[str, Any]) -> str:
    return _SAID + _plain(said)


def _plain(said: Mapping[str, Any]) -> str:
    return yaml.dump(said, Dumper=_Plain, sort_keys=False, width=100)


class _Plain(yaml.SafeDumper):
    """Writes what stands in several places in each of them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The files below `folder` that are not as rendered, or that nothing renders any more."""
    wrong = [name for name, said in files.items() if _content(folder / name) != said]
    kept = (folder / CHART / name for name in ("policies", DASHBOARDS))
    extra = [
        name
        for path in sorted(path for each in kept for path in each.rglob("*"))
        if path.is_file() and (name := path.relative_to(folder).as_posix()) not in files
    ]
    return wrong + extra


def write(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Make the files below `folder` as rendered; returns those that were not."""
    changed = stale(folder, files)
    for name in changed:
        path = folder / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
