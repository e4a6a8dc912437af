"""`routing`: what the rules of `routing.yaml` keep of a better model's quality, and save.

Replays recorded outcomes: for each question, whether a weak and a strong model were right
(RouteLLM's form: `set`, `prompt`, `weak`, `strong`, a JSON line each). No model is asked.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import sample
from evaluation.bench.report import Figure, Findings, Say
from evaluation.statistics import Interval, bootstrap
from processors.questions.needing import NEEDS, needed
from processors.questions.route import Rules, chosen
from streams.app.tiering import routes
from streams.flow.errors import UserError

MARGIN = 0.02  # of accuracy, within which a policy counts as no worse than always the strong model
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Options:
    data: Sequence[Path]
    premium: str = "premium"  # the tier that stands for the strong model; all others for the weak


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of one set: its questions, and whom they are right by."""

    name: str
    prompts: Sequence[str]
    weak: Flags
    strong: Flags


def run(options: Options, say: Say) -> Findings:
    """Each set under the rules, beside always one model, chance at that share, and an oracle."""
    rules = routes(None).rules
    figures: list[Figure] = []
    details: dict[str, Any] = {"rules": rules.version, "margin": MARGIN, "sets": {}}
    for outcomes in (each for path in options.data for each in read(path)):
        say(f"{outcomes.name}: {len(outcomes.prompts):,} questions")
        sent = np.array([is_premium(each, rules, options.premium) for each in outcomes.prompts])
        found = judged(outcomes, sent)
        details["sets"][outcomes.name] = found
        figures += [
            Figure(f"{outcomes.name}: share of calls to the strong model", found["share"], ""),
            Figure(
                f"{outcomes.name}: accuracy",
                found["accuracy"]["policy"].value,
                "",
                found["accuracy"]["always strong"].value,
                "always the strong model",
            ),
            Figure(
                f"{outcomes.name}: gain kept, above chance at that share",
                found["kept above chance"].value,
                "",
            ),
        ]
    details["own questions"] = own(rules)
    return Findings(figures, details)


def read(path: Path) -> list[Outcomes]:
    """The sets of a file of outcomes, gzipped or not.

    Raises:
        UserError: it cannot be read, or a line is none.
    """
    rows: dict[str, list[tuple[str, bool, bool]]] = {}
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        for line in text.splitlines():
            row: Any = json.loads(line)
            one = (str(row["prompt"]), bool(row["weak"]), bool(row["strong"]))
            rows.setdefault(str(row["set"]), []).append(one)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} has no outcomes that can be read: {error!r}") from None
    return [
        Outcomes(
            name,
            [prompt for prompt, _, _ in found],
            np.array([weak for _, weak, _ in found]),
            np.array([strong for _, _, strong in found]),
        )
        for name, found in rows.items()
    ]


def is_premium(prompt: str, rules: Rules, premium: str) -> bool:
    """Whether the rules send a question, of which nothing was retrieved, to this tier."""
    return chosen(prompt, (), rules)[0] == premium


def judged(outcomes: Outcomes, sent: Flags) -> dict[str, Any]:
    """What comes of sending these questions to the strong model and the others to the weak one.

    `kept` is the share of the strong model's gain over the weak one. `no worse` says whether
    accuracy is within `MARGIN` of always the strong model's with 95 % confidence; only then is a
    `saved` share said at all.
    """
    weak, strong = outcomes.weak, outcomes.strong
    right = np.where(sent, strong, weak)
    needs_strong = strong & ~weak

    def interval(statistic: Callable[[NDArray[np.int_]], float]) -> Interval:
        return bootstrap(len(right), statistic)

    def kept(rows: NDArray[np.int_]) -> float:
        gain = strong[rows].mean() - weak[rows].mean()
        return float((right[rows].mean() - weak[rows].mean()) / gain) if gain else float("nan")

    lost = interval(lambda rows: float(strong[rows].mean() - right[rows].mean()))
    no_worse = lost.high <= MARGIN
    share = float(sent.mean())
    return {
        "questions": len(right),
        "share": share,
        "accuracy": {
            "policy": interval(lambda rows: float(right[rows].mean())),
            "always strong": interval(lambda rows: float(strong[rows].mean())),
            "always weak": interval(lambda rows: float(weak[rows].mean())),
            "oracle": interval(lambda rows: float((weak | strong)[rows].mean())),
        },
        "oracle share": float(needs_strong.mean()),
        "kept": interval(kept),
        # Sent by chance, a share of calls keeps the same share of the gain.
        "kept above chance": interval(lambda rows: kept(rows) - float(sent[rows].mean())),
        "lost to always strong": lost,
        "no worse": no_worse,
        "saved": 1 - share if no_worse else None,
    }


def own(rules: Rules) -> Mapping[str, Any]:
    """What the rules make of the sample's questions, of which no model's answers are recorded."""
    queries = [each.question for each in sample.questions()]
    by_need = Counter(needed(query).need for query in queries)
    tiers = Counter(chosen(query, (), rules)[0] for query in queries)
    return {
        "questions": len(queries),
        "needs": {need: by_need[need] for need in NEEDS},
        "tiers": dict(tiers),
    }
