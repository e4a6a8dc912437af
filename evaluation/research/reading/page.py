"""`python -m evaluation.research.reading.page`: the tables of docs/answering.md, from the results.

The commands that measure call it, so that by itself it is for a page or form that changed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evaluation.research.pages import DOCS, placed, table

RESULTS = Path(__file__).parents[2] / "results"
_PAGE = DOCS / "answering.md"
_COMMAND = "python -m evaluation.research.reading."
_VERDICTS = ("right", "wrong", "abstained")
_KINDS = {
    "fact": "facts",
    "condition": "conditions",
    "procedure": "steps",
    "list": "lists",
    "table": "tables",
    "typo_or_terse": "typing errors, terse",
    "difference": "products differ",
    "unanswerable_near": "no answer, but a near one",
    "unanswerable_far": "no answer",
}
_SETS = {
    "clapnq": "ClapNQ",
    "policyqa": "PolicyQA",
    "xquad_en": "XQuAD, English",
    "bank": "a bank",
}


def kept(found: Mapping[str, Any], output: Path) -> None:
    """Write a report; the page is rendered anew where it is one of the results."""
    output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if output.resolve().parent == RESULTS:
        main()


def main() -> None:
    """Render the tables of docs/answering.md."""
    _PAGE.write_text(rendered(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def rendered(text: str) -> str:
    """The page with the tables that the results make.

    Raises:
        UserError: the page lacks the marks of one.
    """
    for name, (result, render) in TABLES.items():
        found = json.loads((RESULTS / f"{result}.json").read_text(encoding="utf-8"))
        text = placed(text, f"{_COMMAND}{name}", render(found))
    return text


def passages(report: Mapping[str, Any]) -> str:
    """What reading more is worth, and what becomes of each kind of question."""
    total = {row["passages"]: _total(row["kinds"]) for row in report["rows"]}
    lines = [(passages, *_shares(counts)) for passages, counts in total.items()]
    policy = next(r["kinds"] for r in report["rows"] if r["passages"] == report["policy"])
    kinds = [
        (_KINDS.get(kind, kind), *(counts.get(verdict, 0) for verdict in _VERDICTS))
        for kind, counts in policy.items()
    ]
    wanted = [
        (_share(row["precision"]), _share(row["evidence"]), *_shares(_total(row["kinds"])))
        for row in report["wanted"]
    ]
    head = ("right, or rightly abstained from", "wrong", "abstained from although it is there")
    questions = sum(total[report["policy"]].values())
    return "\n\n".join(
        (
            table(("passages", *head), lines),
            f"The {questions} questions by kind, with {report['policy']} passages:",
            table(("kind", *head), kinds),
            "By the precision that the policy wants, and the evidence that this needs:",
            table(("precision", "evidence", *head), wanted),
        )
    )


def _total(kinds: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    return sum(map(Counter, kinds.values()), Counter[str]())


def _shares(counts: Counter[str]) -> list[str]:
    return [_share(counts[verdict] / counts.total()) for verdict in _VERDICTS]


def calibration(report: Mapping[str, Any]) -> str:
    """How sure is how right, and what each threshold costs."""
    said = (
        f"{report['questions']} questions, expected calibration error {_share(report['error'], 3)}"
        f", AUC {_share(report['auc'], 3)}:"
    )
    tenths = [tuple(map(_share, row)) for row in report["tenths"]]
    needed = [tuple(map(_share, row)) for row in report["thresholds"]]
    return "\n\n".join(
        (
            said,
            table(("evidence, mean of a tenth", "right"), tenths),
            table(("evidence needed", "right of what is answered", "answered"), needed),
        )
    )


def coverage(report: Mapping[str, Any]) -> str:
    """How right the surest answers are, by who chose them."""
    lines = [
        ("" if number else _SETS.get(name, name), way, *(_share(each, 3) for each in row))
        for name, ways in report.items()
        for number, (way, row) in enumerate(ways.items())
    ]
    return table(("set", "chosen by", "of .5", "of .7", "of .9"), lines)


def by_eye(report: Mapping[str, Any]) -> str:
    """What a reader made of the answers of each seed."""
    lines = [
        (
            each["seed"],
            ", ".join(f"{name} {count}" for name, count in each["drawn"].items()),
            *(each[verdict] for verdict in ("right", "partly", "wrong")),
            each["wrong_over_.9"],
        )
        for each in report["readings"]
    ]
    return table(
        ("seed", "answers read", "right", "in part", "wrong", "wrong with evidence over .9"), lines
    )


def read(report: Mapping[str, Any]) -> str:
    """What the reader is worth by itself."""
    lines = [
        (_SETS.get(name, name), *(_share(each[key], 3) for key in ("auc", "auc_words", "f1")))
        for name, each in report.items()
    ]
    return table(("set", "AUC, reader", "AUC, similarity and words", "F1 of spans"), lines)


def _share(share: float, digits: int = 2) -> str:
    """As the docs write shares: ".59"."""
    return f"{share:.{digits}f}".removeprefix("0")


TABLES: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "passages": ("passages", passages),
    "calibrate": ("calibration", calibration),
    "coverage": ("coverage", coverage),
    "eye": ("read", by_eye),
    "measure": ("reader", read),
}

if __name__ == "__main__":
    main()
