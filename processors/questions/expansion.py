"""What else a question is searched for, without a model: acronyms, spelling, its parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from processors.questions.parts import split
from processors.text.lexicon import Lexicon

Expansion = Literal["acronyms", "spelling", "parts"]
MOST = 4  # texts a question is searched for, itself included


def expanded(
    variants: Sequence[str], lexicon: Lexicon | None, wanted: Collection[Expansion]
) -> list[str]:
    """`variants`, the question first, and what `wanted` adds; no text twice, at most `MOST`.

    What the corpus says comes from the tenant's own `lexicon`, which only "parts" does without.
    """
    question = variants[0]
    made = [*variants]
    if lexicon is not None and "spelling" in wanted and (said := lexicon.corrected(question)):
        made.append(said)
    if lexicon is not None and "acronyms" in wanted and (said := lexicon.spelled_out(question)):
        made.append(said)
    if "parts" in wanted and len(parts := split(question)) > 1:
        made += parts
    return [*dict.fromkeys(made)][: max(MOST, len(variants))]
