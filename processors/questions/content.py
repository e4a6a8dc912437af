"""What was retrieved, as far as it looks like instructions to a model: told, dropped by policy."""

from __future__ import annotations

from collections.abc import Sequence

from processors.guard.instructing import SUSPECT, Scorer
from processors.ports import StoredChunk
from processors.questions.carried import decided
from processors.questions.fusion import Fused
from schemas.events import Candidate, Carried

SIGNAL = "instructions"  # among a candidate's scores: how much it looks like one, 0 to 1
Hit = tuple[Fused, StoredChunk]


def screened(
    carried: Carried, found: Sequence[Hit], scorer: Scorer | None, model: str, *, drops: bool
) -> tuple[Carried, list[Hit], list[float]]:
    """What is left of the hits, each with its suspicion; what is suspect is named in the event."""
    if scorer is None:
        return carried, [*found], [0.0] * len(found)
    scores = scorer.suspicions([chunk for _, chunk in found], model)
    suspect = [
        f"{c.chunk_id} ({s:.2f})" for (_, c), s in zip(found, scores, strict=True) if s >= SUSPECT
    ]
    if not suspect:
        return carried, [*found], scores
    done = "dropped by policy" if drops else "quoted as data"
    names = ", ".join(suspect)
    said = f"retrieve: {len(suspect)} hits look like instructions to a model, {done}: {names}"
    kept = [*zip(found, scores, strict=True)]
    if drops:
        kept = [(hit, score) for hit, score in kept if score < SUSPECT]
    return decided(carried, said), [hit for hit, _ in kept], [score for _, score in kept]


def is_suspect(candidate: Candidate) -> bool:
    """Whether a model has to be told that it is data."""
    return candidate.scores.get(SIGNAL, 0.0) >= SUSPECT
