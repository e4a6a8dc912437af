"""A new tenant or agent is the same files from a shell and from Backstage, and they work."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from connectors.rego.compiled import Compiled
from connectors.rego.source import UnusableError, read
from evaluation.quality import dataset
from processors.guard.identity import Identity
from processors.money.tenancy import Quotas
from streams.app import policies, tenancy
from streams.cli import command_line
from streams.flow.errors import UserError
from streams.release import onboarding
from streams.release.kubernetes import chart
from tests.support.fakes import ROOT
from tests.support.promql import metrics

TEMPLATES = ROOT / "infra" / chart.CATALOGUE / "templates"
TENANT = {"name": "acme", "owner": "group:risk"}
MONEY = {"budget": "50", "soft": "40", "rate": "5"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(policies.SHIPPED, tmp_path / "policies")
    return tmp_path


def new(repository: Path, *said: str) -> str:
    kind, *others = said
    done = CliRunner().invoke(command_line(), ["new", kind, "--to", str(repository), *others])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def tenant(repository: Path, name: str = "acme") -> str:
    money = ("--budget", "50", "--questions-per-second", "5")
    return new(repository, "tenant", name, "--owner", "group:risk", *money)


def filled(kind: str, said: dict[str, str]) -> dict[str, str]:
    """As Backstage fills the rendered skeleton."""
    place = TEMPLATES / kind / "skeleton"
    found: dict[str, str] = {}
    for path in place.rglob("*"):
        if path.is_file():
            texts = [path.relative_to(place).as_posix(), path.read_text()]
            for key, value in said.items():
                texts = [each.replace(f"${{{{ values.{key} }}}}", value) for each in texts]
            found[texts[0]] = texts[1]
    return found


def test_a_shell_and_backstage_write_the_same_files(repository: Path) -> None:
    before = {path for path in repository.rglob("*") if path.is_file()}
    tenant(repository)
    new(repository, "agent", "helper", "--tenant", "acme", "--owner", "group:risk")
    written = {
        path.relative_to(repository).as_posix(): path.read_text()
        for path in repository.rglob("*")
        if path.is_file() and path not in before
    }
    agent = {"name": "helper", "owner": "group:risk", "tenant": "acme"}
    assert written == filled("tenant", TENANT | MONEY) | filled("agent", agent)
    assert len(written) == 5 + 4
    assert not [text for text in (*written, *written.values()) if "${{" in text]


def test_a_new_tenant_may_ask_and_has_its_budget_and_quotas(repository: Path) -> None:
    tenant(repository)
    said = tenancy.read(repository / "policies")
    budget = said.budget_of("acme")
    assert budget is not None and budget.hard is not None and budget.soft is not None
    assert (budget.period, budget.hard, budget.soft) == ("month", 50 * 10**9, 40 * 10**9)
    assert said.quotas_of("acme") == Quotas(5, 600, 4)
    assert said.budget_of("another") is None
    listed = repository / "policies" / "tenants.yaml"
    said_before = listed.read_text()
    listed.write_text(said_before.replace("unlisted_tenants: true", "unlisted_tenants: false"))
    compiled = Compiled(read(repository / "policies"))
    for name, may in (("acme", True), ("another", False)):
        who = Identity(name, "anne").asked()
        about = {"text": "what?", "length": 5, "found": [], "tenant": name}
        asked = {"identity": who, "question": about | {"filters": {}, "reply_to": ""}}
        assert compiled.answer("ask", asked)["allow"] is may  # type: ignore[index, call-overload]


def test_a_tenant_that_comes_and_goes_is_followed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy, "LOOK_S", 0.0)
    followed = tenancy.Followed(repository / "policies")
    assert followed().listed == frozenset()
    tenant(repository)
    assert followed().listed == {"acme"}
    (repository / "policies" / "tenants" / "acme.yaml").unlink()
    assert followed().listed == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenants: {other-name: {}}", "must hold 'tenants' with 'acme' below it alone"),
        ("tenants: {acme: {}, more: {}}", "must hold 'tenants' with 'acme' below it alone"),
        ("defaults: {}", "must hold 'tenants' with 'acme' below it alone"),
        ("tenants: {acme: {}}\ndefaults: {}", "must hold 'tenants' with 'acme' below it alone"),
        ("[]", "must be a mapping"),
    ],
)
def test_a_file_of_another_tenant_than_its_name_is_refused(
    repository: Path, text: str, said: str
) -> None:
    own = repository / "policies" / "tenants" / "acme.yaml"
    own.parent.mkdir()
    own.write_text(text)
    with pytest.raises(UnusableError, match=f"acme.yaml {said}"):
        read(repository / "policies")
    with pytest.raises(UserError, match=f"acme.yaml {said}"):
        tenancy.read(repository / "policies")


def test_a_tenant_that_is_said_twice_is_refused(repository: Path) -> None:
    tenant(repository)
    listed = repository / "policies" / "tenants.yaml"
    listed.write_text(listed.read_text().replace("tenants: {}", "tenants: {acme: {}}"))
    with pytest.raises(UserError, match="lists too: leave one out"):
        tenancy.read(repository / "policies")


@pytest.mark.parametrize(
    "name", ["Acme", "a_b", "-a", "a-", "ä", "", "x" * 41, "a/b", "..", "other"]
)
def test_a_name_that_none_can_have_is_refused_and_nothing_written(
    repository: Path, name: str
) -> None:
    mine = ("--owner", "group:risk")
    for said in (
        ("tenant", *mine, "--", name),
        ("agent", *mine, "--tenant=acme", "--", name),
        ("agent", *mine, f"--tenant={name}", "--", "helper"),
    ):
        with pytest.raises(UserError, match="must be 1 to 40 lower-case letters"):
            new(repository, *said)
    assert not (repository / "infra").exists()
    pattern = onboarding.template("tenant", "https://a/b/c.git")["spec"]["parameters"][0]
    assert not re.search(pattern["properties"]["name"]["pattern"], name), "nor in Backstage"


@pytest.mark.parametrize("name", ["a", "no", "42", "010", "true", "a-b", "x" * 40, "others"])
def test_a_name_that_yaml_would_take_for_something_else_is_one(repository: Path, name: str) -> None:
    tenant(repository, name)
    assert tenancy.read(repository / "policies").listed == {name}
    values = yaml.safe_load((repository / "infra" / "tenants" / name / "values.yaml").read_text())
    assert values["clients"][name]["tenant"] == name


def test_what_is_there_is_not_overwritten_and_then_nothing_is_written(repository: Path) -> None:
    mine = repository / "infra" / "tenants" / "acme" / "questions.jsonl"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UserError, match="is there already, so nothing was written"):
        tenant(repository)
    assert mine.read_text() == "mine"
    assert [*mine.parent.iterdir()] == [mine]
    assert not (repository / "policies" / "tenants").exists()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (("--budget", "0"), "--budget is 0; it must be 0.01 to 1,000,000"),
        (("--budget", "nan"), "--budget is nan"),
        (("--questions-per-second", "1e7"), "--questions-per-second is 1e"),
        (("--owner", "a b"), "--owner is 'a b'"),
    ],
)
def test_what_cannot_be_is_named(repository: Path, said: tuple[str, ...], wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        new(repository, "tenant", "acme", "--owner", "group:risk", *said)
    with pytest.raises(UserError, match="has no policies/"):
        new(repository / "policies", "tenant", "acme", "--owner", "group:risk")


@pytest.mark.parametrize("budget", [0.01, 33.3333, 1_000_000])
def test_any_budget_is_written_as_yaml_reads_it(repository: Path, budget: float) -> None:
    new(repository, "tenant", "acme", "--owner", "risk", "--budget", str(budget))
    found = tenancy.read(repository / "policies").budget_of("acme")
    assert found is not None and found.hard == round(budget * 10**9)


def test_the_other_files_are_of_use(repository: Path) -> None:
    tenant(repository)
    new(repository, "agent", "helper", "--tenant", "acme", "--owner", "group:risk")
    for place, uid in (("tenants/acme", "tenant-acme"), ("agents/helper", "agent-helper")):
        folder = repository / "infra" / place
        items, bad = dataset.read(folder / "questions.jsonl")
        assert [each.answerable for each in items] == [True, False]
        assert not bad and {each.tenant for each in items} == {"acme"}
        board = json.loads((folder / "dashboard.json").read_text())
        assert board["uid"] == f"millrace-{uid}"
        expressions = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
        assert all('="acme"' in each and "$tenant" not in each for each in expressions)
        assert all([*metrics(each)] for each in expressions)
