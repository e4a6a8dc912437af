"""Weights in a folder are those that were pinned, or nothing is loaded."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from connectors.sentence_transformers.weights import checked, digest_of
from processors.needs import EMBEDDER
from streams.app.ports import EncoderSettings, open_these
from streams.app.settings import Settings, load
from streams.flow.errors import UserError

SETTING = "MILLRACE_ENCODER"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "1_Pooling").mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "1_Pooling" / "config.json").write_text("{}")
    return made


def test_what_is_pinned_is_loaded_whatever_tools_leave_beside_it(folder: Path) -> None:
    digest = digest_of(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    assert checked(folder, digest.upper(), SETTING) == folder


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_anything_else_is_refused(folder: Path, change: str) -> None:
    digest = digest_of(folder)
    config = folder / "1_Pooling" / "config.json"
    if change == "content":
        (folder / "model.safetensors").write_bytes(b"Weights")
    elif change == "name":
        config.rename(config.with_name("other.json"))
    else:
        (folder / "modeling.py").write_text("print()")
    with pytest.raises(UserError, match="others than were pinned"):
        checked(folder, digest, SETTING)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"DIGEST pins .* set it to {digest_of(folder)}"):
        checked(folder, "", SETTING)
    with pytest.raises(UserError, match="which is no folder"):
        checked(tmp_path / "none", "", SETTING)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="no weights as"):
        checked(folder, "", SETTING)


def test_a_model_is_configured_once_and_whole(folder: Path) -> None:
    with pytest.raises(UserError, match="ENCODER__URL or MILLRACE_ENCODER__FOLDER, not both"):
        load({"encoder": {"url": "http://127.0.0.1:9", "model": "m", "folder": folder}})
    with pytest.raises(UserError, match="name MILLRACE_RERANKER__MODEL too"):
        load({"reranker": {"url": "http://127.0.0.1:9"}})
    with pytest.raises(UserError, match="MILLRACE_ENCODER__DIGEST"):
        load({"encoder": {"folder": folder, "digest": "abc"}})
    digest = digest_of(folder)
    named = EncoderSettings(folder=folder, digest=digest)
    assert named.name == f"model@{digest[:8]}"


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="the extra is here")
def test_without_the_extra_it_is_named(folder: Path, tmp_path: Path) -> None:
    encoder = {"folder": folder, "digest": digest_of(folder)}
    with ExitStack() as stack, pytest.raises(UserError, match=r"pip install 'millrace\[models\]'"):
        open_these(Settings(data=tmp_path, encoder=encoder), stack, EMBEDDER)
