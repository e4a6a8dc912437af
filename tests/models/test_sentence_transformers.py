"""Real models of sentence-transformers in folders: `make test-models` installs it and runs this.

The encoder's weights are those of the built-in model, so that two ways to run one model are held
against each other; the cross-encoder's are random, since none is in any package.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.breaker import Away
from connectors.minilm.embedder import MiniLM, weights_file
from connectors.sentence_transformers.embedder import SentenceEncoder
from connectors.sentence_transformers.reranker import FAILURES, PairReranker
from connectors.sentence_transformers.weights import digest_of
from processors.models import Ranked
from processors.needs import EMBEDDER, RERANKING
from processors.ports import Passage
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.flow.caching import kept
from streams.flow.errors import Retry, UserError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXTS = ["How much cash can I withdraw?", "The daily limit is 600 euros.", "Squirrels eat cables."]
FOLDER = weights_file().parent


def _cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A small one with random weights, and the tokenizer of the encoder."""
    transformers: Any = import_module("transformers")
    torch: Any = import_module("torch")
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=30522,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        num_labels=labels,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _cross_encoder(tmp_path_factory.mktemp("models") / "cross")


@pytest.fixture(scope="module")
def encoder() -> Iterator[SentenceEncoder]:
    with SentenceEncoder(FOLDER, "minilm", 384, dtype="float32", sentences=True) as made:
        yield made


def test_the_same_weights_give_the_same_vectors_as_the_built_in_model(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    with MiniLM(kept("models", tmp_path), engine="onnxruntime") as built_in:
        ours = encoder.embed_queries(TEXTS)
        assert (np.sum(ours * built_in.embed_queries(TEXTS), axis=1) > 0.999).all()
        passage = Passage("Cards", TEXTS[1], [0, len(TEXTS[1])])
        (one,), (other,) = encoder.embed_passages([passage]), built_in.embed_passages([passage])
        assert float(one.vector.astype(float) @ other.vector.astype(float)) > 0.999
    assert one.sentences.shape == (1, 384)


def test_vectors_come_in_the_order_of_the_texts_whatever_their_lengths(
    encoder: SentenceEncoder,
) -> None:
    texts = [f"{'word ' * (n * 7 % 40)}{n}" for n in range(150)]
    alone = np.concatenate([encoder.embed_queries([text]) for text in texts[:5]])
    together = encoder.embed_queries(texts)
    np.testing.assert_allclose(together[:5], alone, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_prompts_stand_in_front_of_questions_and_passages() -> None:
    with (
        SentenceEncoder(
            FOLDER, "e", 384, dtype="float32", query_prompt="query: ", passage_prompt="passage: "
        ) as prompted,
        SentenceEncoder(FOLDER, "e", 384, dtype="float32") as plain,
    ):
        asked = prompted.embed_queries(["limit"])
        np.testing.assert_allclose(asked, plain.embed_queries(["query: limit"]), atol=1e-5)
        (found,) = prompted.embed_passages([Passage("", "limit", [])])
        same = plain.embed_queries(["passage: limit"])[0]
        np.testing.assert_allclose(found.vector, same, atol=1e-3)


def test_it_runs_on_a_gpu_where_there_is_one(encoder: SentenceEncoder) -> None:
    torch: Any = import_module("torch")
    assert encoder.device.startswith("cuda" if torch.cuda.is_available() else "cpu")


def test_vectors_of_another_size_and_folders_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="384 dimensions, and MILLRACE_ENCODER__DIMENSIONS is 768"):
        SentenceEncoder(FOLDER, "minilm", 768).__enter__()
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be loaded"):
        SentenceEncoder(tmp_path, "none", 384).__enter__()


def test_settings_alone_put_both_in_place(cross_encoder: Path, tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path,
        encoder={"folder": FOLDER, "digest": digest_of(FOLDER)},
        reranker={"folder": cross_encoder, "digest": digest_of(cross_encoder)},
    )
    with ExitStack() as stack:
        opened = open_these(settings, stack, EMBEDDER, RERANKING)
        assert opened[EMBEDDER].embed_queries(["a"]).shape == (1, 384)
        assert opened[EMBEDDER].model.startswith("model@")
        (found,) = opened[RERANKING].scores([Ranked("q", TEXTS)], within_s=30)
        assert len(found.scores) == 3


def test_pairs_of_all_questions_are_read_together_and_scored_as_alone(cross_encoder: Path) -> None:
    asked = [Ranked("limit?", TEXTS), Ranked("none?", []), Ranked("cables?", TEXTS[:1])]
    with PairReranker(cross_encoder, "cross", dtype="float32") as reranker:
        together = reranker.scores(asked, within_s=30)
        alone = [reranker.scores([each], within_s=30)[0] for each in asked]
    assert [len(each.scores) for each in together] == [3, 0, 1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        assert one.input_tokens == other.input_tokens
    assert together[0].input_tokens > together[2].input_tokens > together[1].input_tokens == 0
    assert len(set(together[0].scores)) == 3


def test_what_takes_too_long_is_left_and_then_not_asked(cross_encoder: Path) -> None:
    asked = [Ranked("limit?", ["word " * 400] * 300)]
    with PairReranker(cross_encoder, "cross", dtype="float32") as reranker:
        began = time.monotonic()
        for _ in range(FAILURES):
            with pytest.raises(Retry, match=r"took more than 0\.05 s"):
                reranker.scores(asked, within_s=0.05)
        for _ in range(50):
            with pytest.raises(Away):
                reranker.scores(asked, within_s=0.05)
        assert time.monotonic() - began < FAILURES * 0.05 + 1.0


def test_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gives 3 scores a pair: it is no reranker"):
        PairReranker(_cross_encoder(tmp_path / "three", 3), "three").__enter__()
