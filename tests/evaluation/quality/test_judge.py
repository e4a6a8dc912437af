"""What the local judge says of a claim and its evidence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from connectors.minilm import changes
from connectors.minilm.embedder import SEPARATOR, tokenizer, weights_file
from connectors.minilm.engines import Engine
from connectors.minilm.graph import read_safetensors
from connectors.minilm.pair_graph import TENSORS
from evaluation.quality.judge import SHIPPED, LocalJudge, load
from evaluation.quality.judging import combining, reader, weights, words
from evaluation.quality.judging.combining import INPUTS, Fold
from evaluation.statistics import auc
from streams.flow.errors import UserError

EVIDENCE = "The committee met in Lisbon on 4 May. It approved the budget of 300 million euros."
TEXT = """The harbour office of Arlow opened in 1987 with twelve clerks. It was moved to Berwin in
March 1993 because the old quay was too small. The first director was Ida Novak, who led the office
for nine years. Most ships before 1993 were registered by hand. Ida Novak and Per Lund signed the
agreement with the city of Berwin."""


def test_training_learns_what_supports_and_never_weighs_a_signal_against_support() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random(400) < 0.3
    told = 1.0 * labels + rng.normal(size=400) * 0.5
    against = -1.0 * labels + rng.normal(size=400) * 0.5
    columns = [told, against, rng.normal(size=400), np.zeros(400)]
    fold = Fold(np.stack(columns, 1).astype(np.float32), labels)
    found = combining.train([fold, fold], 0.01)
    assert (found.weight >= 0).all()
    assert found.weight[1] == 0
    fitted = (fold.inputs - found.mean)[:, :-1] / found.scale[:-1] @ found.weight[:-1]
    assert found.weight[-1] == pytest.approx(fitted.std(), rel=1e-4)  # the reader's is not fitted
    assert auc(found.logits(fold.inputs).astype(float), labels) > 0.9


def test_a_judge_of_other_signals_is_refused(tmp_path: Path) -> None:
    found = json.loads(SHIPPED.read_text())
    del found["combination"]["signals"]["cosine"]
    path = tmp_path / "judge.json"
    path.write_text(json.dumps(found))
    with pytest.raises(UserError, match="has no cosine"):
        load(path)


def test_a_judge_of_other_readers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    path.write_text(json.dumps(json.loads(SHIPPED.read_text()) | {"reader": "another"}))
    with pytest.raises(UserError, match=r"other readers than .*reader\.npz"):
        load(path)


def test_the_judge_tells_what_is_said_from_what_is_not(judge: LocalJudge) -> None:
    claims = [
        "The budget of 300 million euros was approved.",
        "The committee met in Lisbon.",
        "The committee rejected a new airport in Madrid.",
        "",
        "?!",
    ]
    supported = judge.support([(claim, EVIDENCE) for claim in claims])
    inputs = judge.signals([(claims[0], EVIDENCE), (claims[0], "")])
    assert judge.signals([]).shape == (0, len(INPUTS))
    assert supported[:2].min() > 0.5 > supported[2]
    assert supported[3:].max() < 0.5
    assert inputs[0, INPUTS.index("best.words")] > 0.8
    assert not inputs[1].any()


@pytest.mark.parametrize(
    ("evidence", "true", "false"),
    [
        ("The northern depot of Arlow opened on 3 June 1987.", "in June 1987", "in June 1993"),
        ("The northern depot of Arlow opened on 3 June 1987.", "depot of Arlow", "depot of Berwin"),
        ("The vault of the bank was never closed in 1987.", "was never closed", "was closed"),
    ],
)
def test_the_reader_tells_a_changed_number_name_or_negation(
    judge: LocalJudge, evidence: str, true: str, false: str
) -> None:
    claims = {
        "in June 1987": "The depot of Arlow opened in June 1987.",
        "depot of Arlow": "The depot of Arlow opened in June 1987.",
        "was never closed": "The bank's vault was never closed.",
    }
    claim = claims[true]
    said = judge.signals([(claim, evidence), (claim.replace(true, false), evidence)])[:, -1]
    assert said[0] > 0 > said[1]


def test_a_sentence_of_the_evidence_is_supported_and_no_lesser_quote(judge: LocalJudge) -> None:
    claim = "The margin was 5 percent in May"
    evidence = [
        f"It was never sold. {claim}.\nNobody knows why.",
        "The margin was -5 percent in May.",
        f"Nobody says that {claim.lower()}.",
        f"{claim}? It was not.",
    ]
    said = judge.signals([(claim.upper(), each) for each in evidence])[:, -1]
    assert said[0] >= reader.QUOTED > said[1:].max()
    assert judge.support([(claim, evidence[0])])[0] > 0.5


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_both_engines_read_alike(judge: LocalJudge, tmp_path: Path, engine: Engine) -> None:
    claims = ["The committee met in Lisbon.", "It rejected 900 airports.", EVIDENCE]
    texts = [(each, f"{EVIDENCE} {TEXT}") for each in claims]
    read = words.read(judge.encoder, [text for pair in texts for text in pair])
    pairs_read = list(zip(read[::2], read[1::2], strict=True))
    with reader.Reader(tmp_path, 1, engine=engine) as other:
        found = other.read(pairs_read)
    assert found == pytest.approx(judge.reader.read(pairs_read), abs=0.15)  # of logits
    with pytest.raises(RuntimeError, match="enter it first"):
        other.read(pairs_read)


def test_what_the_reader_says_does_not_depend_on_what_is_read_with_it(judge: LocalJudge) -> None:
    short, long = "The committee met in Lisbon.", f"{EVIDENCE} {TEXT}"
    one, other, nothing = words.read(judge.encoder, [short, long, "?!"])
    alone = judge.reader.read([(one, other)])
    beside = judge.reader.read([(other, other), (nothing, other), (one, other), (one, nothing)])
    assert judge.reader.read([]).shape == (0,)
    assert beside[2] == pytest.approx(alone[0], abs=0.1)  # in half precision, and of another shape
    assert beside[[1, 3]].tolist() == [0, 0]


def test_of_long_evidence_the_sentences_most_like_the_claim_are_read_in_order(
    judge: LocalJudge,
) -> None:
    filler = [f"Item {number} of the stock list is a plain wooden box." for number in range(60)]
    told = ["The harbour of Arlow was dredged in 1951.", "A new pier was opened at Arlow in 1964."]
    text = " ".join([*filler[:30], told[0], *filler[30:], told[1]])
    claim, evidence = words.read(judge.encoder, ["Arlow harbour got a pier in 1964.", text])
    chosen = reader.chosen(claim, evidence)
    assert len(chosen.split()) <= reader.EVIDENCE_WORDS < len(text.split())
    assert -1 < chosen.index(told[0]) < chosen.index(told[1])
    assert reader.chosen(evidence, claim) == claim.sentences.text


def test_a_long_claim_leaves_room_for_its_evidence() -> None:
    one, other = reader.inputs(tokenizer(), [("word " * 300, "proof " * 300), ("a", "b")], 192)
    assert (one.claim, len(one.ids)) == (reader.CLAIM_TOKENS, 192)
    assert one.ids[one.claim - 1] == one.ids[-1] == SEPARATOR
    ids, types, mask = reader.tensors([one, other])
    assert ids.shape == types.shape == mask.shape == (2, 192)
    assert types[1].sum() == 2  # b and the end
    assert mask.sum(1).tolist() == [192, len(other.ids)]


def test_of_what_training_changed_a_share_is_kept_in_few_levels(tmp_path: Path) -> None:
    published = read_safetensors(weights_file())
    name, path = "encoder.layer.5.output.dense.weight", tmp_path / "changed.npz"
    change = np.random.default_rng(1).normal(0, 0.02, published[name].shape).astype(np.float32)
    shipped = changes.weights(weights.shipped(), 1)
    trained = {each: shipped[each] for each in TENSORS} | {name: published[name] + change}
    np.savez(path, allow_pickle=False, **changes.packed(published, [{}, trained], weights.KEPT))
    found = changes.weights(path, 1)
    kept = found[name] - published[name]
    assert np.corrcoef(kept.ravel(), change.ravel())[0, 1] > 0.98
    assert kept.std() == pytest.approx(weights.KEPT * 0.02, rel=0.02)
    assert len(np.unique(np.load(path)[f"1/{name}"])) == 2 * changes.LEVELS + 1
    assert np.array_equal(
        found["embeddings.LayerNorm.bias"], published["embeddings.LayerNorm.bias"]
    )
    assert np.abs(found[TENSORS[0]] - shipped[TENSORS[0]]).max() < 1e-6


def test_a_reader_that_is_missing_or_of_another_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.npz cannot be read"):
        reader.Reader(tmp_path, path=tmp_path / "nowhere.npz").__enter__()
    path = tmp_path / "old.npz"
    np.savez(path, words=np.zeros((384, 64)), bias=np.zeros(()))
    with pytest.raises(
        UserError, match=r"old\.npz cannot be read: network 0 has no whole\.inner\.weight"
    ):
        changes.weights(path, 0)
    for damaged in (b"none", b"", weights.shipped().read_bytes()[:-4000]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"old\.npz cannot be read"):
            changes.weights(path, 0)
