from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from connectors.minilm.embedder import SEPARATOR, tokenizer, weights_file
from connectors.minilm.engines import Engine
from connectors.minilm.graph import read_safetensors
from evaluation.quality.judge import SHIPPED, LocalJudge, load
from evaluation.quality.judging import combining, reader, words
from evaluation.quality.judging.combining import INPUTS, Fold
from evaluation.research import agreement
from evaluation.research.judging import drawing, pairs, questions
from evaluation.research.judging.labelled import MEASURED, Judged, read_lines, read_set
from evaluation.research.judging.reader_graph import TENSORS
from evaluation.research.judging.rewording import reworded
from evaluation.statistics import auc, balanced_accuracy, bootstrap
from streams.flow.errors import UserError

LABELS = np.array([True, True, False, False])
EVIDENCE = "The committee met in Lisbon on 4 May. It approved the budget of 300 million euros."


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalJudge]:
    with LocalJudge(tmp_path_factory.mktemp("models"), load(), streams=1) as found:
        yield found


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


def test_a_line_that_no_tokenizer_takes_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    good = {"claim": "a", "context": "b", "supported": True}
    lines = [json.dumps(good | {"claim": "a \ud83d"}), "[" * 100_000, json.dumps(good)]
    path.write_text("\n".join(lines))
    rows, left_out = read_lines(path)
    assert rows == [Judged("a", "b", True)]
    assert [(each.line, each.reason) for each in left_out] == [
        (1, "has half a character (a lone surrogate)"),
        (2, "is nested too deeply"),
    ]


def test_a_file_without_a_usable_line_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    for text, said in (("", "no line"), ("{", "no usable line; line 1 is not JSON")):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            read_lines(path)


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


def test_a_judge_of_other_readers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    path.write_text(json.dumps(json.loads(SHIPPED.read_text()) | {"reader": "another"}))
    with pytest.raises(UserError, match=r"other readers than .*judge-reader\.npz"):
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
    shipped = reader.weights(reader.SHIPPED, 1)
    trained = {each: shipped[each] for each in TENSORS} | {name: published[name] + change}
    np.savez(path, allow_pickle=False, **reader.packed(published, [{}, trained]))
    found = reader.weights(path, 1)
    kept = found[name] - published[name]
    assert np.corrcoef(kept.ravel(), change.ravel())[0, 1] > 0.98
    assert kept.std() == pytest.approx(reader.KEPT * 0.02, rel=0.02)
    assert len(np.unique(np.load(path)[f"1/{name}"])) == 2 * reader.LEVELS + 1
    assert np.array_equal(
        found["embeddings.LayerNorm.bias"], published["embeddings.LayerNorm.bias"]
    )
    assert np.abs(found[TENSORS[0]] - shipped[TENSORS[0]]).max() < 1e-6


def test_a_reader_that_is_missing_or_of_another_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.npz cannot be read"):
        reader.Reader(tmp_path, weights=tmp_path / "nowhere.npz").__enter__()
    path = tmp_path / "old.npz"
    np.savez(path, words=np.zeros((384, 64)), bias=np.zeros(()))
    with pytest.raises(
        UserError, match=r"old\.npz cannot be read: network 0 has no whole\.inner\.weight"
    ):
        reader.weights(path, 0)
    for damaged in (b"none", b"", reader.SHIPPED.read_bytes()[:-4000]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"old\.npz cannot be read"):
            reader.weights(path, 0)


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
    assert not any(each.claim in each.context for each in made + singles if not each.supported)


def test_other_words_leave_longer_numbers_whole_and_turn_nothing_round() -> None:
    rng, said = random.Random(1), "They buy 1.5 mg in 100 m, 10% of one-third, for 3 to 4 people."
    found = {reworded(said, rng) for _ in range(500)}
    assert len(found) > 20
    assert all("1.5 mg in 100 m" in each.replace(",", "") for each in found)
    assert all("10%" in each and "one-third" in each for each in found)
    assert not any("purchase" in each for each in found)  # which is a noun too
    assert any("three to four" in each for each in found)


def test_a_negation_in_another_sentence_does_not_tell_which_claim_is_true() -> None:
    made = pairs.Changer([TEXT], "seed").twins(4000)
    own = TEXT.replace("\n", " ")
    beside = [
        each
        for each in made
        if re.search(r"\b(not|never)\b", each.context)
        and not re.search(r"\b(not|never)\b", each.claim)
        and each.claim in own
    ]
    told = [each.supported for each in beside if each.claim in each.context]
    assert len(told) > 20
    assert all(told)
    assert any(not each.supported for each in beside)


def test_training_without_a_set_names_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/scifact/corpus\.jsonl\.gz cannot be read"):
        drawing.draw(tmp_path, "")


def test_what_evidence_does_not_mention_stands_beside_what_it_does() -> None:
    made = pairs.Changer([TEXT], "seed").unmentioned(100)
    assert sum(each.supported for each in made) == len(made) / 2
    for true, false in zip(made[::2], made[1::2], strict=True):
        assert true.supported
        assert not false.supported
        assert true.context == false.context
        assert false.claim != true.claim


def test_two_sentences_make_one_claim_that_one_change_makes_false() -> None:
    made = pairs.Changer([TEXT], "seed").joined(60)
    for true, false in zip(made[::2], made[1::2], strict=True):
        assert (true.supported, false.supported) == (True, False)
        assert true.context == false.context
        assert true.claim != false.claim


def test_what_people_wrote_is_held_against_their_text_and_against_others() -> None:
    sentences = TEXT.replace("\n", " ").split(". ")
    other = ["The mill was sold.", "It burnt down two years later in a storm."]
    rows = [
        ("The office moved to Berwin in 1993.", sentences),
        ("The mill burnt down later.", other),
    ]
    made = pairs.Changer([TEXT], "seed").written(rows)
    assert made[0].supported
    assert "1993" in made[0].context
    crossed = [each for each in made if "mill" in each.claim and "mill" not in each.context]
    assert crossed
    assert not any(each.supported for each in crossed)


def test_rewording_changes_words_and_nothing_else() -> None:
    claim = "In 1987 the first director approximately doubled several types of 1,500 fees."
    made = {reworded(claim, random.Random(seed)) for seed in range(200)}
    assert len(made) > 50
    assert all("1987" in each and "director" in each for each in made)
    assert any("1st" in each for each in made)
    assert any("1500" in each for each in made)
    assert reworded(claim, random.Random(5)) == reworded(claim, random.Random(5))


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
    assert found["sha256"] == reader.digest(SHIPPED)


def test_a_left_out_set_is_judged_as_it_was_reported(shared_data: Path, judge: LocalJudge) -> None:
    rows = read_set(shared_data, "fever_symmetric")
    model = judge.model.without("fever_symmetric")
    inputs = judge.signals([(row.claim, row.context) for row in rows])
    labels = np.array([row.supported for row in rows])
    found = auc(model.support(inputs).astype(float), labels)
    reported = json.loads(agreement.RESULTS.read_text())["sets"]["fever_symmetric"]["auc"][0]
    assert found == pytest.approx(reported, abs=0.01)  # engines round differently
