"""The engine of the embedding model is what is fastest here, measured once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from connectors.minilm import choosing
from connectors.minilm.embedder import MiniLM


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has chosen nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "millrace"


@pytest.mark.parametrize(
    ("took", "chosen"),
    [
        ({"openvino": 5.0, "openvino-f32": 9.0, "onnxruntime": 8.0}, "openvino"),
        ({"openvino": 9.0, "openvino-f32": 5.0, "onnxruntime": 8.0}, "openvino-f32"),
        ({"openvino": 9.0, "openvino-f32": 9.0, "onnxruntime": 5.0}, "onnxruntime"),
        ({"openvino": 5.4, "openvino-f32": 5.2, "onnxruntime": 5.0}, "openvino"),
        ({"onnxruntime": 5.0}, "onnxruntime"),
    ],
)
def test_the_fastest_is_chosen_or_one_that_is_preferred_and_hardly_slower(
    took: dict[str, float], chosen: str
) -> None:
    assert choosing.best(took) == chosen


def test_a_start_measures_and_the_next_ones_know(tmp_path: Path, home: Path) -> None:
    assert choosing.known(tmp_path) is None
    with MiniLM(tmp_path / "model", streams=1) as model:
        first = model.embed_queries(["How much is it?"])
    kept = home / choosing.FILE
    told = json.loads(kept.read_text())
    assert choosing.known(tmp_path) == told["engine"] == choosing.best(told["seconds"])
    assert "onnxruntime" in told["seconds"]
    assert all(0 < seconds < 60 for seconds in told["seconds"].values())
    written = kept.stat().st_mtime_ns
    with MiniLM(tmp_path / "model", streams=1) as model:
        assert np.array_equal(model.embed_queries(["How much is it?"]), first)
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize("engine", ["openvino-f32", "onnxruntime"])
def test_what_was_chosen_runs(
    tmp_path: Path, home: Path, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    home.mkdir(parents=True)
    said = {"engine": engine, "machine": choosing._machine()}
    (home / choosing.FILE).write_text(json.dumps(said))
    with MiniLM(tmp_path, streams=1) as model:
        model.embed_queries(["How much is it?"])
    assert any(tmp_path.glob("*/openvino")) == (engine == "openvino-f32")
    assert not caplog.records


def test_another_machine_or_package_or_a_damaged_choice_is_no_choice(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(parents=True)
    kept = home / choosing.FILE
    kept.write_text(json.dumps({"engine": "onnxruntime", "machine": choosing._machine()}))
    assert choosing.known(tmp_path) == "onnxruntime"
    monkeypatch.setattr(choosing, "REVISION", choosing.REVISION + 1)
    assert choosing.known(tmp_path) is None
    for damaged in ("", "{", json.dumps({"engine": "abacus", "machine": choosing._machine()})):
        kept.write_text(damaged)
        assert choosing.known(tmp_path) is None


def test_where_nothing_can_be_measured_the_preferred_engine_is_taken_and_not_remembered(
    tmp_path: Path, home: Path
) -> None:
    graph = tmp_path / "none.onnx"
    graph.write_bytes(b"no graph")
    assert choosing.choose(graph, [np.ones((1, 16), np.float32)], tmp_path) == choosing.PREFERRED[0]
    assert choosing.known(tmp_path) is None
    assert not home.exists()


def test_a_user_without_a_home_keeps_the_choice_beside_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    with MiniLM(tmp_path / "model", streams=1):
        pass
    assert choosing.known(tmp_path / "model") in choosing.PREFERRED
    assert (tmp_path / "model" / choosing.FILE).exists()
