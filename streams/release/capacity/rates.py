"""What a stage costs an event, in seconds of a core, from results that are committed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.flow.errors import UserError

RESULTS = Path(__file__).parents[3] / "evaluation" / "results"  # in a checkout and in a wheel


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds of a core, and chunks a document has; `sources` says from which results."""

    event: float  # a stage's own work on any event, exactly once
    chunk_embedded: float
    document_rest: float  # of a document: all but the embedding
    question_found: float  # the question's own vector, and the search
    question_read: float  # passages read with the question
    chunks_a_document: float
    sources: dict[str, str]


def measured(folder: Path = RESULTS) -> Rates:
    """The rates of a folder of results.

    Raises:
        UserError: a result is absent, or says something else.
    """
    runtime, ingest, ask = (_read(folder, name) for name in ("runtime", "ingest", "ask"))
    try:
        event = runtime["details"]["cpu_us_per_event"]["stage"] / 1e6
        cores, details = ingest["machine"]["cores"], ingest["details"]
        embedder, whole = details["embedder"]["median"], details["ingest"]["median"]
        chunks = details["chunks"] / details["documents"]
        chunk = cores / embedder / chunks
        question = ask["machine"]["cores"] / ask["details"]["questions_per_s_bare"]["median"]
        used = {"runtime": runtime, "ingest": ingest, "ask": ask}
        said = {
            f"evaluation/results/{name}.json": f"{each['machine']['cpu']}, "
            f"{each['machine']['cores']} cores, commit {each['commit'][:7]}"
            for name, each in used.items()
        }
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise UserError(f"the results in {folder} do not say {error}: run the bench anew") from None
    # A question is no longer than a chunk, so its vector costs no more; what is left is reading.
    found = min(chunk, question)
    rest = max(0.0, cores / whole - cores / embedder)
    return Rates(event, chunk, rest, found, max(0.0, question - found), chunks, said)


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{path} cannot be read: `millrace bench {name} --output {path}` measures it"
        ) from None
