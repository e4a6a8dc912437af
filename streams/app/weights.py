"""The models' weights that these settings load, and the manifest that they are held against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from connectors import weights
from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.minilm.embedder import MiniLM, tokens_file, weights_file
from connectors.minilm.port import ReadingSettings
from connectors.sentence_transformers.weights import digest_of as digest_of_folder
from streams.app import policies
from streams.app.settings import Settings
from streams.flow.errors import UserError


@dataclass(frozen=True, slots=True)
class Weight:
    """A file or folder of weights; `allowed` is the digest that the manifest has of its name."""

    name: str
    path: Path
    digest: str
    allowed: str


def in_use(settings: Settings) -> tuple[weights.Manifest, list[Weight]]:
    """The manifest, and what workers of these settings would load.

    Raises:
        UserError: the manifest is wrong or not signed as configured, or a file cannot be read.
    """
    manifest = weights.read(weights.place(settings.policies), settings.weights_key)
    found = {f"{MiniLM.model}/{each.name}": each for each in (weights_file(), tokens_file())}
    found["reader"] = settings.of(ReadingSettings).weights
    for section in (EncoderSettings, RerankerSettings):
        if folder := settings.of(section).folder:
            found[section.section] = folder
    return manifest, [
        Weight(name, path, _digest(path), manifest.digests.get(name, ""))
        for name, path in found.items()
    ]


def accept(settings: Settings, name: str, path: Path) -> Path:
    """Record what is in a file or folder under a name; returns the manifest.

    Raises:
        UserError: it cannot be read, or the manifest cannot be written.
    """
    known = dict(weights.read(weights.place(settings.policies)).digests)
    known[name] = _digest(path)
    target = (settings.policies or policies.SHIPPED) / weights.FILE
    said = json.dumps({"weights": dict(sorted(known.items()))}, indent=1)
    try:
        target.write_text(said + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def _digest(path: Path) -> str:
    return digest_of_folder(path) if path.is_dir() else weights.digest_of(path)
