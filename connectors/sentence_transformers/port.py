"""Models in folders as ports: the embedder, and the reranker."""

from __future__ import annotations

from pathlib import Path

from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.sentence_transformers.embedder import SentenceEncoder
from connectors.sentence_transformers.reranker import PairReranker
from connectors.sentence_transformers.weights import checked
from connectors.weights import manifest
from processors.models import Reranker
from processors.ports import Embedder
from streams.flow.errors import UserError
from streams.flow.port import Opening


def embedder(settings: EncoderSettings, opening: Opening) -> Embedder:
    """The model in the folder, loaded and run once.

    Raises:
        UserError: it is not what was pinned, cannot be loaded, or gives vectors of another size.
    """
    if settings.folder is None:
        raise UserError("set MILLRACE_ENCODER__FOLDER")
    model = SentenceEncoder(
        _vouched(settings.folder, settings.digest, settings.section, opening),
        settings.name,
        settings.dimensions,
        device=settings.device,
        dtype=settings.dtype,
        batch=settings.batch,
        query_prompt=settings.query_prefix,
        passage_prompt=settings.passage_prefix,
        sentences=settings.sentences,
    )
    return opening.stack.enter_context(model)


def reranker(settings: RerankerSettings, opening: Opening) -> Reranker:
    """The model in the folder, loaded and run once.

    Raises:
        UserError: it is not what was pinned, cannot be loaded, or is no reranker.
    """
    if settings.folder is None:
        raise UserError("set MILLRACE_RERANKER__FOLDER")
    model = PairReranker(
        _vouched(settings.folder, settings.digest, settings.section, opening),
        settings.name,
        device=settings.device,
        dtype=settings.dtype,
        batch=settings.batch,
        tokens=settings.tokens,
        watch=opening.watch,
    )
    return opening.stack.enter_context(model)


def _vouched(folder: Path, digest: str, section: str, opening: Opening) -> Path:
    """The folder, if it holds what is pinned and, where weights are signed, what the manifest has.

    Without a key the manifest is worth no more than the setting that pins them.
    """
    found = checked(folder, digest, f"MILLRACE_{section.upper()}")
    allowed = manifest(opening)
    if allowed.signed:
        allowed.check(section, digest.lower(), folder)
    return found
