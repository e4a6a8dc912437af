"""`new tenant`, `new agent`: the files that each is made of, to be merged by pull request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from streams.app import tenancy
from streams.app.settings import load
from streams.cli.console import out
from streams.flow.errors import UserError
from streams.release.observing.objectives import edges
from streams.release.onboarding import NAME, OTHERS, Kind, files

app = typer.Typer(
    help="Write the files of a new tenant or agent, for a pull request.", no_args_is_help=True
)
LEAST, MOST = 0.01, 1_000_000
SOFT = 0.8  # of a budget: above it, quotes alone
OWNER = re.compile(r"([a-zA-Z]+:)?([a-zA-Z0-9._-]+/)?[a-zA-Z0-9._-]+")
Owner = Annotated[str, typer.Option(help="The group that answers for it, as the catalogue has it.")]
To = Annotated[Path, typer.Option("--to", help="The repository's root.")]


@app.command()
def tenant(
    name: Annotated[str, typer.Argument(help="In lower case: letters, digits, hyphens.")],
    owner: Owner,
    budget: Annotated[float, typer.Option(help="Of models, a month.")] = 100,
    questions_per_second: Annotated[float, typer.Option(help="At most.")] = 20,
    to: To = Path(),
) -> None:
    """Its policy with budget and quotas, values, dashboard, entry in the catalogue, questions."""
    for setting, value in (("budget", budget), ("questions-per-second", questions_per_second)):
        if not LEAST <= value <= MOST:
            raise UserError(f"--{setting} is {value:g}; it must be {LEAST:g} to {MOST:,}")
    of_money = {"budget": _number(budget), "soft": _number(SOFT * budget)}
    said = of_money | {"rate": _number(questions_per_second)}
    _write("tenant", {"name": name, "owner": owner, **said}, to)


@app.command()
def agent(
    name: Annotated[str, typer.Argument(help="In lower case: letters, digits, hyphens.")],
    tenant: Annotated[str, typer.Option(help="For whom it asks: whose budget and quotas it has.")],
    owner: Owner,
    to: To = Path(),
) -> None:
    """Values with its Kafka user, its dashboard, entry in the catalogue, questions."""
    _named(tenant, "--tenant")
    _write("agent", {"name": name, "owner": owner, "tenant": tenant}, to)


def _write(kind: Kind, said: dict[str, str], to: Path) -> None:
    """All of it, or nothing where something is there already."""
    _named(said["name"], "the name")
    if not OWNER.fullmatch(said["owner"]):
        raise UserError(f"--owner is '{said['owner']}'; it must be a group, such as group:risk")
    if not (to / "policies").is_dir():
        raise UserError(f"{to.resolve()} has no policies/: --to names the repository's root")
    chosen = load()
    if kind == "tenant" and said["name"] in tenancy.read(chosen.policies).listed:
        raise UserError(f"tenants.yaml lists {said['name']} already: change it there")
    promised = {each.name: each for each in edges(chosen.policies)}
    found = files(kind, said, promised)
    there = [path for path in found if (to / path).exists()]
    if there:
        raise UserError(f"{to / there[0]} is there already, so nothing was written: change it")
    for path, text in found.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_text(text, encoding="utf-8")
        out.print(str(to / path), markup=False)
    out.print(
        "Say in questions.jsonl what to evaluate, run `millrace render`, and ask for a review."
    )


def _named(name: str, what: str) -> None:
    if not NAME.fullmatch(name) or name == OTHERS:
        raise UserError(
            f"{what} is '{name}'; it must be 1 to 40 lower-case letters, digits and hyphens, begin "
            f"and end with none, and not be '{OTHERS}', as metrics call all that they do not name"
        )


def _number(value: float) -> str:
    """As YAML reads it: never with an exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
