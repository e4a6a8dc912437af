from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evaluation import agreement
from evaluation.judge import SHIPPED, LocalJudge, load
from evaluation.judging import combining, pairs, questions, reader, words
from evaluation.judging.combining import INPUTS, Fold
from evaluation.judging.labelled import MEASURED, Judged, read_lines, read_set
from evaluation.statistics import auc, balanced_accuracy, bootstrap
from processors.ports import Float32
from schemas.errors import UserError

LABELS = np.array([True, True, False, False])
EVIDENCE = "The committee met in Lisbon on 4 May. It approved the budget of 300 million euros."


def test_auc_counts_pairs_in_order_and_ties_as_half() -> None:
    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), LABELS) == 1.0
    assert auc(np.array([1.0, 4.0, 2.0, 3.0]), LABELS) == 0.5
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), LABELS) == 0.5
    assert math.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_balanced_accuracy_is_a_half_for_one_verdict_on_all() -> None:
    assert balanced_accuracy(np.array([True] * 5), np.array([True] * 4 + [False])) == 0.5


def test_an_interval_holds_its_figure_and_shrinks_with_more_rows() -> None:
    def mean(values: np.ndarray) -> tuple[float, float, float]:
        return bootstrap(len(values), lambda i: float(values[i].mean()))

    few, many = (mean(np.arange(rows) % 2 * 1.0) for rows in (20, 2000))
    assert few[1] < few[0] == 0.5 < few[2]
    assert many[2] - many[1] < few[2] - few[1]
    assert all(math.isnan(value) for value in bootstrap(0, lambda i: 0.0))


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


def test_pairs_share_their_evidence_or_else_their_claim() -> None:
    def row(claim: str, context: str, supported: bool) -> Judged:
        return Judged(claim, context, supported)

    same = [row("a", "x", True), row("b", "x", False), row("c", "y", True)]
    assert [g.tolist() for g in agreement.pair_groups(same)] == [[0, 1]]
    claims = [row("a", "x", True), row("a", "y", False)]
    assert [g.tolist() for g in agreement.pair_groups(claims)] == [[0, 1]]
    groups = agreement.pair_groups(same)
    labels = np.array([True, False, True])
    assert agreement.pairwise(np.array([0.9, 0.1, 0.0]), labels, groups) == 1.0
    assert agreement.pairwise(np.array([0.1, 0.1, 0.0]), labels, groups) == 0.5


def test_every_bad_line_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    good = {"claim": "a", "context": ["b", "c"], "supported": 1}
    bad = ["{", "[1]", {"claim": "a", "context": "b"}, good | {"claim": " "}, good | {"context": 3}]
    lines = [line if isinstance(line, str) else json.dumps(line) for line in [good, *bad]]
    path.write_text("\n".join([*lines, "", json.dumps(good | {"supported": "yes"})]))
    rows, left_out = read_lines(path)
    assert rows == [Judged("a", "b\nc", True)]
    assert [(each.line, each.reason) for each in left_out] == [
        (2, "is not JSON"),
        (3, "is not a JSON object"),
        (4, "has no supported"),
        (5, "claim is empty"),
        (6, "context is not a text"),
        (8, "supported is not true or false"),
    ]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"claim": "a", "context": "b", "label": true}\n')
    result = CliRunner().invoke(agreement.app, ["--data", str(path)])
    assert result.exit_code == 2
    assert "no column supported" in " ".join(result.stderr.split())


def test_a_judge_of_other_signals_is_refused(tmp_path: Path) -> None:
    found = json.loads(SHIPPED.read_text())
    del found["combination"]["signals"]["cosine"]
    path = tmp_path / "judge.json"
    path.write_text(json.dumps(found))
    with pytest.raises(UserError, match="has no cosine"):
        load(path)


def test_the_judge_tells_what_is_said_from_what_is_not(tmp_path: Path) -> None:
    claims = [
        "The budget of 300 million euros was approved.",
        "The committee met in Lisbon.",
        "The committee rejected a new airport in Madrid.",
        "",
        "?!",
    ]
    with LocalJudge(tmp_path, load(), streams=1) as judge:
        supported = judge.support([(claim, EVIDENCE) for claim in claims])
        inputs = judge.signals([(claims[0], EVIDENCE), (claims[0], "")])
        assert judge.signals([]).shape == (0, len(INPUTS))
    assert supported[:2].min() > 0.5 > supported[2]
    assert supported[3:].max() < 0.5
    assert inputs[0, INPUTS.index("best.words")] > 0.8
    assert not inputs[1].any()


def test_the_reader_tells_a_changed_number_name_or_negation(tmp_path: Path) -> None:
    evidence = "The northern depot of Arlow opened on 3 June 1987 and was never closed."
    true = ["The depot of Arlow opened in June 1987.", "The Arlow depot was never closed."]
    false = ["The depot of Arlow opened in June 1993.", "The Arlow depot was closed."]
    far = "The depot of Berwin opened in June 1987."
    with LocalJudge(tmp_path, load(), streams=1) as judge:
        said = judge.signals([(claim, evidence) for claim in [*true, *false, far]])[:, -1]
    assert said[0] > said[2]
    assert said[1] > said[3]
    assert said[0] > said[4]
    assert (abs(said) <= 1).all()


def test_what_the_reader_says_does_not_depend_on_what_is_read_with_it() -> None:
    rng = np.random.default_rng(3)

    def pair(claim: int, evidence: int) -> reader.Pair:
        kinds = rng.integers(0, 2, (claim + evidence, 4)).astype(np.float32)
        size = (claim + evidence, reader.DIMENSIONS)
        vectors: Float32 = rng.normal(0, 0.05, size).astype(np.float32)
        same = rng.random((claim, evidence)) < 0.2
        return reader.Pair(
            vectors[:claim], kinds[:claim], vectors[claim:], kinds[claim:], same, 1.0
        )

    weights = {name: stacked[0] for name, stacked in np.load(reader.SHIPPED).items()}
    few, many = pair(3, 5), pair(20, 60)
    alone = reader.logits(np, weights, reader.batch([few], 3, 5))
    beside = reader.logits(np, weights, reader.batch([many, few], 24, 64))
    assert beside[1] == pytest.approx(alone[0], abs=1e-3)


def test_the_reader_is_the_mean_of_its_networks(tmp_path: Path) -> None:
    with LocalJudge(tmp_path, load(), streams=1) as judge:
        texts = [tuple(words.read(judge.encoder, ["The budget was approved.", EVIDENCE]))]
    stacked = {name: array.astype(np.float32) for name, array in np.load(reader.SHIPPED).items()}
    networks = [{name: array[n] for name, array in stacked.items()} for n in range(4)]
    said = np.concatenate([reader.Reader([network]).read(texts) for network in networks])
    assert len(set(said.tolist())) == 4
    mean = np.tanh(np.arctanh(said).mean())
    assert reader.Reader.load().read(texts) == pytest.approx(mean, abs=1e-4)


def test_weights_of_one_network_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.npz"
    np.savez(path, words=np.zeros((384, 64)), bias=np.zeros(()))
    with pytest.raises(UserError, match=r"old\.npz cannot be read: .* number of networks"):
        reader.Reader.load(path)


def test_a_missing_reader_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.npz cannot be read"):
        reader.Reader.load(tmp_path / "nowhere.npz")


TEXT = """The harbour office of Arlow opened in 1987 with twelve clerks. It was moved to Berwin in
March 1993 because the old quay was too small. The first director was Ida Novak, who led the office
for nine years. Most ships before 1993 were registered by hand. Ida Novak and Per Lund signed the
agreement with the city of Berwin."""


def test_changed_claims_come_with_evidence_that_makes_them_true() -> None:
    made = pairs.Changer([TEXT], "seed").twins(200)
    assert made == pairs.Changer([TEXT], "seed").twins(200)
    labels: dict[str, set[bool]] = {}
    for each in made:
        labels.setdefault(each.claim, set()).add(each.supported)
    both = sum(len(found) == 2 for found in labels.values())
    assert both > len(labels) / 3  # so the claim alone says little
    assert 0.4 < sum(each.supported for each in made) / len(made) < 0.6
    singles = pairs.Changer([TEXT], "seed").singles(100)
    assert not any(each.claim in each.context for each in singles if not each.supported)


def test_a_change_is_made_in_the_evidence_at_the_same_place() -> None:
    sentence = "In 1987 the office opened, and it was closed in 1993."
    for claim, changed, expected in [
        ("It was closed", "It was not closed", sentence.replace("was closed", "was not closed")),
        ("the office opened", "the depot opened", sentence.replace("office", "depot")),
        ("they shut it", "they opened it", None),
    ]:
        assert pairs.edited(sentence, claim, changed) == expected


@pytest.mark.parametrize(
    ("question", "answer", "claim"),
    [
        ("Who signed the lease?", "the tenant", "The tenant signed the lease."),
        ("When did the lease begin?", "May 2019", "The lease begin in May 2019."),
        ("How many rooms does the house have?", "six", "The house have six rooms."),
        ("What is the deposit?", "two rents", "The deposit is two rents."),
        ("Where was the key found?", "Arlow", "The key was found in Arlow."),
        ("Why?", "because", None),
    ],
)
def test_a_question_and_its_answer_are_a_statement(
    question: str, answer: str, claim: str | None
) -> None:
    assert questions.stated(question, answer) == claim


def test_the_shipped_figures_are_of_the_shipped_judge_and_of_every_set() -> None:
    found = json.loads(agreement.RESULTS.read_text())
    assert found["judge"] == f"local {load().version}"
    assert tuple(found["sets"]) == MEASURED == tuple(load().held_out)
    assert set(agreement.measured(found["judge"]) or ()) == set(MEASURED)
    assert agreement.measured("another") is None


def test_a_left_out_set_is_judged_as_it_was_reported(shared_data: Path, tmp_path: Path) -> None:
    rows = read_set(shared_data, "fever_symmetric")
    with LocalJudge(tmp_path, load(), streams=1) as judge:
        model = judge.model.without("fever_symmetric")
        inputs = judge.signals([(row.claim, row.context) for row in rows])
    labels = np.array([row.supported for row in rows])
    found = auc(model.support(inputs).astype(float), labels)
    reported = json.loads(agreement.RESULTS.read_text())["sets"]["fever_symmetric"]["auc"][0]
    assert found == pytest.approx(reported, abs=0.01)  # engines round differently
