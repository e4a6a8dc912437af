"""What the reader learns from: pairs whose spans are where the answer is, and twins without one."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.minilm import changes as kept_changes
from connectors.minilm.embedder import tokenizer, weights_file
from connectors.minilm.graph import read_safetensors
from connectors.minilm.pair_graph import TENSORS
from connectors.weights import digest_of
from evaluation.research.reading import changes, drawing, products, rows, weights
from evaluation.research.reading.batches import Data, batches, epoch, groups, inputs
from evaluation.research.reading.pairs import Pair

MILL = "The mill at Orrin has 4 stones. Before noon the miller Una Reed grinds rye, later wheat."


def pair(question: str, answer: str, text: str = MILL, group: str = "mill 1") -> Pair:
    at = text.index(answer)
    return Pair(group, question, "The mill", text, [(at, at + len(answer))])


@pytest.mark.parametrize(
    ("question", "lost"),
    [
        ("What does the miller Una Reed grind?", "Una Reed"),
        ("What has the mill with 4 stones?", "4"),
        ("What is ground before noon?", "before"),
    ],
)
def test_a_twin_asks_for_what_the_passage_does_not_say(question: str, lost: str) -> None:
    others = [
        pair("Where does Ebba Lind live, in Hallow?", "rye", group=f"m {n}") for n in range(5)
    ]
    made = next(changes.changed([pair(question, "rye"), *others], "seed"))
    assert made.spans == []
    assert made.question != question
    assert not re.search(rf"\b{lost}\b", made.question)
    new = set(made.question.split()) - set(question.split())
    assert not any(word.strip("?").lower() in MILL.lower() for word in new if len(word) > 3)
    assert (made.text, made.group) == (MILL, "mill 1 changed")


def test_what_answers_nothing_or_cannot_be_changed_has_no_twin() -> None:
    still = Pair("a", "What does the miller Una Reed grind?", "", MILL, [])
    plain = pair("what is that?", "rye")
    assert [*changes.changed([still, plain], "seed")] == []


def written(folder: Path, name: str, *found: dict[str, Any]) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in found)


def test_windows_of_a_long_passage_keep_the_answer_where_it_is(tmp_path: Path) -> None:
    filler = " ".join(f"Sack number {n} stands by the north wall of the mill." for n in range(60))
    text = f"{filler} The keeper is called Una Reed. {filler}"
    start = text.index("Una Reed")
    row = {
        "question": "Who keeps it? ",
        "passage": text,
        "title": "The_mill",
        "answers": [{"text": "Una Reed", "start": start}],
    }
    written(tmp_path, "mills", row)
    made = list(rows.pairs(tmp_path))
    assert len(made) > 3
    assert {each.group for each in made} == {"mills 0"}
    right = [each for each in made if each.spans]
    assert len(right) == 1
    assert [right[0].text[a:b] for a, b in right[0].spans or ()] == ["Una Reed"]
    assert not any("Una Reed" in each.text for each in made if not each.spans)
    assert all(len(each.text.split()) <= rows.WORDS for each in made)
    assert all(each.text in text for each in made)


def test_an_answer_under_its_question_is_found_on_a_page_with_another(tmp_path: Path) -> None:
    found = [
        {"question": f"Why {n}?", "passage": f"Because of {n} sacks.", "answers": None, "title": ""}
        for n in range(40)
    ]
    written(tmp_path, "msdocs_faq", *found)
    made = list(rows.pairs(tmp_path))
    pages = [each for each in made if each.spans]
    assert len(pages) > 10
    for each in pages:
        ((start, end),) = each.spans or [(0, 0)]
        number = each.question.removeprefix("Why ").rstrip("?")
        assert each.text[start:end] == f"Because of {number} sacks."
    assert all(each.spans is None for each in made if each not in pages)


def test_sets_that_measure_or_give_the_answer_away_are_left_out(tmp_path: Path) -> None:
    row = {"question": "Who?", "passage": MILL, "answers": None}
    for name in (*rows.LEFT_OUT, *rows.UNFIT, "mills"):
        written(tmp_path, name, row)
    assert {each.group.split()[0] for each in rows.pairs(tmp_path)} == {"mills"}


def test_sentences_become_points_of_a_page_and_the_right_one_is_marked() -> None:
    text = "The mill stands at Orrin bridge. Its wheel has forty oak blades. It was built by monks."
    some = [pair("How many blades?", "forty oak", text, f"selqa {n}") for n in range(80)]
    made = list(rows.bulleted(some, "seed"))
    right = [each for each in made if each.spans]
    assert 0 < len(right) == len(made) / 2
    for each in right:
        ((start, end),) = each.spans or [(0, 0)]
        assert each.text[start:end] == "Its wheel has forty oak blades."
    assert not any(each.mined for each in made)


def test_invented_products_say_what_is_asked_where_the_span_is() -> None:
    made = list(products.drawn(400, "seed", ["The sea is near."]))
    assert made == list(products.drawn(400, "seed", ["The sea is near."]))  # the same each time
    by_group: dict[str, list[Pair]] = {}
    for each in made:
        by_group.setdefault(each.group, []).append(each)
    answered = 0
    for group in by_group.values():
        assert len({each.question for each in group}) == 1
        right = [each for each in group if each.spans]
        assert len(right) <= 1
        answered += len(right)
        for each in right:
            for start, end in each.spans or ():
                said = each.text[start:end]
                assert said
                assert said == said.strip()
                before, after = each.text[:start], each.text[end:]
                assert not before or before[-1] in "\n "
                assert not after or after[0] in "\n "
    assert 200 < answered < 400  # of some nobody says what is asked
    assert any("The sea is near." in each.text for each in made)


def test_questions_are_typed_in_a_hurry_now_and_then() -> None:
    asked = "What is the yearly charge of the Orrin mill?"
    typed = {rows.as_typed(asked, random.Random(n)) for n in range(200)}
    assert asked in typed
    assert "yearly charge orrin mill" in typed
    assert len(typed) > 5


def data(*some: Pair) -> tuple[Data, dict[str, np.ndarray]]:
    made = drawing.arrays(tokenizer(), some)
    texts = np.split(made["texts"], made["ends"][:-1])
    names = [str(n) for n in made["names"]]
    return Data(texts, made["pairs"], made["spans"], made["sets"], names), made


def test_what_is_written_points_at_the_tokens_of_the_answer() -> None:
    some = [
        pair("What is ground?", "rye", group="mill 1"),
        Pair("mill 1", "What is ground?", "The mill", "Flour is white.", []),
        Pair("inn 1", "Is it open?", "", MILL, None, mined=False, held=True),
    ]
    found, made = data(*some)
    assert made["pairs"][:, 4].tolist() == [1, 0, -1]
    assert made["pairs"][:, 5].tolist() == [1, 1, 0]
    assert made["pairs"][:, 6].tolist() == [0, 0, 1]
    assert [found.names[n] for n in made["sets"]] == ["mill", "inn"]
    first, last = made["spans"][0][:2]
    assert tokenizer().decode(found.texts[made["pairs"][0][3]][first : last + 1]) == "rye"
    assert (made["spans"][0][2:] == -1).all()
    assert (made["spans"][1:] == -1).all()
    assert made["pairs"][0][3] == made["pairs"][2][3]  # a text is there once
    assert len(groups(found, held=False)) == len(groups(found, held=True)) == 1


def test_an_answer_beyond_what_is_read_is_left_out() -> None:
    _, made = data(pair("What is ground?", "rye", "sack " * 400 + "rye"), pair("What?", "rye"))
    assert len(made["pairs"]) == 1


def test_batches_hold_a_passage_that_answers_with_others_that_do_not() -> None:
    some = [
        each
        for n in range(30)
        for each in (
            pair("What is ground?", "rye", group=f"mill {n}"),
            Pair(f"mill {n}", "What is ground?", "", f"Flour {n} is white.", []),
        )
    ]
    found, made = data(*some)
    by_group = groups(found, held=False)
    near = {0: [(int(made["pairs"][3][2]), int(made["pairs"][3][3]))]}
    drawn = epoch(found, by_group, near, random.Random(1))
    assert sorted(len(each.rows) for each in drawn) == [2] * 29 + [3]
    assert all(each.labels[0] == 1 and not any(each.labels[1:]) for each in drawn)
    split = batches(drawn, 400, random.Random(1))
    assert sum(map(len, split)) == 30
    assert len(split) > 5
    for batch in split:
        total = sum(len(each.rows) for each in batch) * max(each.length for each in batch)
        assert total <= 400
    ids, types, begins = inputs(found, drawn[0].rows)
    first = found.spans[0][0]
    assert tokenizer().decode([ids[0][begins[0] + first]]) == "rye"
    assert types[0][begins[0]] == 1
    assert types[0][0] == 0


def test_what_training_changed_becomes_the_file_that_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published = read_safetensors(weights_file())
    name, late = "encoder.layer.1.output.dense.weight", "encoder.layer.4.output.dense.weight"
    change = np.random.default_rng(1).normal(size=published[name].shape).astype(np.float32) / 100
    heads = {each: np.full((2, 2), 0.5, np.float16) for each in TENSORS}
    early = heads | {name: published[name] + change}
    np.savez(tmp_path / "early.npz", allow_pickle=False, **early)
    np.savez(tmp_path / "late.npz", allow_pickle=False, **{late: published[late]})
    output = tmp_path / "reader.npz"
    weights.pack(tmp_path, output, 0.5)
    assert capsys.readouterr().out.strip() == digest_of(output)
    found = kept_changes.weights(output, 0)
    error = found[name] - (published[name] + 0.5 * change)
    assert error.std() < 0.2 * change.std()
    assert np.abs(found[late] - published[late]).max() < 1e-6
    assert (found[TENSORS[0]] == 0.5).all()


def test_training_begins_with_the_published_tensors_but_for_what_it_does_not_use(
    tmp_path: Path,
) -> None:
    weights.base(tmp_path / "base.npz")
    published = read_safetensors(weights_file())
    with np.load(tmp_path / "base.npz") as found:
        assert {n for n in published if not n.startswith("pooler")} == set(found.files)
        for name in found.files:
            assert np.allclose(found[name], published[name], atol=1e-2)
