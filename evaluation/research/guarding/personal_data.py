"""Personal data in presidio-research's sentences: how much of each kind is found, how surely."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from evaluation.lines import packed
from evaluation.research.pages import table
from processors.guard.personal import cleaned, findings

# Ours by theirs; what they call otherwise is of no kind that is looked for.
KINDS = {
    "US_SSN": "ssn",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
}
NAMES = {
    "ssn": "social security number",
    "card": "card, by Luhn",
    "iban": "account (IBAN), by check digits",
    "email": "e-mail address",
    "phone": "phone number",
}


def measured(data: Path) -> list[dict[str, Any]]:
    """A finding counts if it overlaps one of its kind."""
    there, found, told, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in packed(data / "presidio_pii" / "generated_large.jsonl.gz"):
        text = row["full_text"]
        spans = [
            (KINDS[s["entity_type"]], s["start_position"], s["end_position"])
            for s in row["spans"]
            if s["entity_type"] in KINDS
        ]
        ours = [*findings(cleaned(text))]
        for kind, start, end in spans:
            there[kind] += 1
            found[kind] += any(f.kind == kind and f.start < end and start < f.end for f in ours)
        for each in ours:
            told[each.kind] += 1
            right[each.kind] += any(
                kind == each.kind and each.start < end and start < each.end
                for kind, start, end in spans
            )
    return [
        {"kind": k, "there": there[k], "found": found[k], "told": told[k], "right": right[k]}
        for k in KINDS.values()
    ]


def rendered(rows: list[dict[str, Any]]) -> str:
    lines = [
        (
            NAMES[row["kind"]],
            row["there"],
            f"{row['found'] / max(row['there'], 1):.0%}",
            f"{row['right'] / max(row['told'], 1):.0%} ({row['told'] - row['right']} wrong)",
        )
        for row in rows
    ]
    return table(("personal data", "there", "recall", "precision"), lines)
