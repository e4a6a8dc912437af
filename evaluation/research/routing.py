"""Whether a classifier routes better than the rules: `python -m evaluation.research.routing`.

A logistic regression over the built-in encoder's vector of the question, its length, figures and
choices learns which questions a weak model gets wrong and a strong one right (RouteLLM's recorded
outcomes), and is held against chance and the rules: within a set by five folds, and on one set
after it learned from the other. Writes evaluation/results/routing-learned.json and the table of
docs/tiers.md. It is not shipped: see that page.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from evaluation.bench.routing import MARGIN, Flags, Outcomes, is_premium, read
from evaluation.research.guarding.harmful import vectors
from evaluation.research.guarding.learn import Floats, fitted
from evaluation.research.pages import DOCS, placed, table
from evaluation.statistics import Interval, auc, bootstrap
from processors.needs import EMBEDDER
from processors.ports import Embedder
from streams.app.ports import open_these
from streams.app.settings import load
from streams.app.tiering import routes

COMMAND = "python -m evaluation.research.routing"
FOLDS = 5
SHARES = (0.25, 0.5, 0.75)
STEP = 0.01  # between the shares that are tried for one that loses nothing
_CHOICES = re.compile(r"^\s*[A-D][.)]\s", re.MULTILINE)


def inputs(embedder: Embedder, prompts: list[str]) -> Floats:
    """Of each question its vector, and three signals of its form."""
    forms = [
        (math.log1p(len(each.split())) / 5, len(re.findall(r"\d+", each)) / 10, _choices(each))
        for each in prompts
    ]
    return np.concatenate([vectors(embedder, prompts), np.array(forms)], axis=1)


def _choices(prompt: str) -> float:
    return float(_CHOICES.search(prompt) is not None)


def chances(rows: Floats, weights: Floats) -> Floats:
    """How likely each needs the strong model, in order of that alone."""
    found: Any = rows @ weights[:-1] + weights[-1]
    return found


def folded(rows: Floats, labels: Flags, seed: int) -> Floats:
    """The same of rows by what was learned from the others."""
    place = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    found = np.zeros(len(rows))
    for fold in range(FOLDS):
        there = place == fold
        found[there] = chances(rows[there], fitted(rows[~there], labels[~there], scalars=3))
    return found


def sent(scores: Floats, share: float) -> Flags:
    """The likeliest so many."""
    most = round(share * len(scores))
    flags = np.zeros(len(scores), bool)
    flags[np.argsort(-scores, kind="stable")[:most]] = True
    return flags


def kept_above_chance(outcomes: Outcomes, flags: Flags) -> Interval:
    """Of the strong model's gain, beyond what a random share of that size keeps."""
    gained = outcomes.strong.astype(float) - outcomes.weak.astype(float)

    def statistic(rows: Any) -> float:
        gain = gained[rows].sum()
        kept = (gained[rows] * flags[rows]).sum() / gain if gain else float("nan")
        return float(kept - flags[rows].mean())

    return bootstrap(len(flags), statistic)


def lost(outcomes: Outcomes, flags: Flags) -> Interval:
    """Of accuracy, to always the strong model."""
    gained = outcomes.strong.astype(float) - outcomes.weak.astype(float)
    return bootstrap(len(flags), lambda rows: float((gained[rows] * ~flags[rows]).mean()))


def least_share(outcomes: Outcomes, scores: Floats) -> float:
    """The least share with which accuracy is within `MARGIN` of always the strong model's, 95 %."""
    shares = (float(each) for each in np.arange(0, 1, STEP))
    flags = ((share, sent(scores, share)) for share in shares)
    return next((s for s, each in flags if lost(outcomes, each).high <= MARGIN), 1.0)


def drawn(outcomes: Outcomes, most: int, seed: int) -> Outcomes:
    """So many of them, or all."""
    rows = np.random.default_rng(seed).permutation(len(outcomes.prompts))[:most]
    places: list[int] = rows.tolist()
    prompts = [outcomes.prompts[place] for place in places]
    return Outcomes(outcomes.name, prompts, outcomes.weak[rows], outcomes.strong[rows])


def judged(outcomes: Outcomes, scores: Floats, learned: str) -> dict[str, Any]:
    needs = outcomes.strong & ~outcomes.weak
    above = {f"{s:g}": kept_above_chance(outcomes, sent(scores, s)) for s in SHARES}
    return {
        "set": outcomes.name,
        "questions": len(scores),
        "by": learned,
        "auc": auc(scores, needs),
        "above": above,
        "least": least_share(outcomes, scores),
    }


def rendered(report: dict[str, Any]) -> str:
    """The table of `docs/tiers.md`."""
    above = [f"above chance at {share:g}" for share in SHARES]
    head = ("set", "questions", "by", "AUC", *above, "calls saved, no worse")
    lines: list[tuple[object, ...]] = []
    for row in report["rows"]:
        kept = [f"{v:+.2f} ({low:+.2f} to {high:+.2f})" for v, low, high in row["above"].values()]
        saved = f"{1 - row['least']:.0%}"
        lines.append(
            (row["set"], f"{row['questions']:,}", row["by"], f"{row['auc']:.2f}", *kept, saved)
        )
    for row in report["rules"]:
        value, low, high = row["above"]
        said = f"{value:+.2f} ({low:+.2f} to {high:+.2f}) at {row['share']:.2f}"
        lines.append((row["set"], "", "the rules", "", said, "", "", row["saved"]))
    return f"{table(head, lines)}\n\nNo worse: within {MARGIN:g} of accuracy, 95 %. `{COMMAND}`"


def main(
    data: Annotated[Path, typer.Option(help="Outcomes of a weak and a strong model.")] = Path(
        "../shared/data/routellm/outcomes.jsonl.gz"
    ),
    output: Annotated[Path, typer.Option(help="The report.")] = Path(
        "evaluation/results/routing-learned.json"
    ),
    seed: Annotated[int, typer.Option()] = 15,
    most: Annotated[int, typer.Option(help="Questions of each set, drawn at random.")] = 1_000,
) -> None:
    """Learn, measure, write the report, and put its table into docs/tiers.md."""
    sets = [drawn(each, most, seed) for each in read(data)]
    with ExitStack() as stack:
        embedder = open_these(load(), stack, EMBEDDER)[EMBEDDER]
        rows = {each.name: inputs(embedder, [*each.prompts]) for each in sets}
    labels = {each.name: each.strong & ~each.weak for each in sets}
    rules = routes(None).rules
    report: dict[str, Any] = {"command": COMMAND, "seed": seed, "rows": [], "rules": []}
    chance = np.random.default_rng(seed)
    for each in sets:
        mine = rows[each.name]
        scored = {
            "chance": chance.random(len(mine)),
            "itself, folded": folded(mine, labels[each.name], seed),
        }
        for other in (other for other in sets if other is not each):
            learned = fitted(rows[other.name], labels[other.name], scalars=3)
            scored[other.name] = chances(mine, learned)
        report["rows"] += [judged(each, scores, by) for by, scores in scored.items()]
        flags = np.array([is_premium(prompt, rules, "premium") for prompt in each.prompts])
        share, no_worse = float(flags.mean()), lost(each, flags).high <= MARGIN
        said = {"saved": f"{1 - share:.0%}" if no_worse else "none: worse"}
        said |= {"share": share, "above": kept_above_chance(each, flags)}
        report["rules"].append({"set": each.name, **said})
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = DOCS / "tiers.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
