"""The retrieval policy as a release ships it, and as an operator may break it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streams.app import config as app_config
from streams.app import policies
from streams.app.ports import TiersSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError


def copy(tmp_path: Path) -> Settings:
    shutil.copytree(policies.SHIPPED, tmp_path / "policies")
    return Settings(policies=tmp_path / "policies")


def test_the_shipped_policy_and_its_trees_are_whole() -> None:
    config = app_config.retrieval(Settings())
    assert config.reordering is not None
    assert [expert.name for expert in config.reordering.experts] == [
        "scifact",
        "cranfield",
        "obliqa",
    ]
    assert config.blend == 1.0


def test_trees_that_were_changed_by_hand_are_refused(tmp_path: Path) -> None:
    settings = copy(tmp_path)
    (file,) = (tmp_path / "policies" / "retrieval").iterdir()
    file.write_bytes(file.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(UserError, match=r"retrieval\.yaml: .* changed without the policy"):
        app_config.retrieval(settings)


def test_trees_that_are_missing_are_named(tmp_path: Path) -> None:
    settings = copy(tmp_path)
    (file,) = (tmp_path / "policies" / "retrieval").iterdir()
    file.unlink()
    with pytest.raises(UserError, match=f"{file.name} cannot be read"):
        app_config.retrieval(settings)


def test_a_wrong_weight_is_named(tmp_path: Path) -> None:
    settings = copy(tmp_path)
    path = tmp_path / "policies" / app_config.RETRIEVAL
    path.write_text(path.read_text().replace("bm25_weight: 0.45", "bm25_weight: much"))
    with pytest.raises(
        UserError, match=r"retrieval\.yaml: 'bm25_weight' is 'much'; it must be a n"
    ):
        app_config.retrieval(settings)


def test_a_model_that_words_questions_needs_its_prompt(tmp_path: Path) -> None:
    tiers = TiersSettings.model_validate({"a": {"url": "http://127.0.0.1:9", "model": "m"}})
    assert app_config.variants(Settings()) is None
    asked = copy(tmp_path).model_copy(update={"tiers": tiers, "rewriter": "a"})
    found = app_config.variants(asked)
    assert found is not None
    assert found.most == 3
    assert "identifier" in found.instructions
    (tmp_path / "policies" / "prompts" / "rewrite.md").write_text("version: v\n")
    with pytest.raises(UserError, match="must have a front matter"):
        app_config.variants(asked)
