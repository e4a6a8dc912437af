"""Held-out questions: which are asked, and what counts as right."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from evaluation.research.reading import rows
from evaluation.research.reading.asking import MORE, SETS, Held, drawn, right


def sets(folder: Path) -> None:
    for name in SETS:
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            for n in range(900):
                text = f"{name}: shed {n} holds {n} nets."
                start = text.index(f"{n} nets")
                answers = [{"text": f"{n} nets", "start": start}]
                row = {"question": f"What is in shed {n}? ", "passage": text, "answers": answers}
                file.write(f"{json.dumps(row)}\n")


def test_only_what_was_left_out_of_training_is_asked_and_some_without_its_passage(
    tmp_path: Path,
) -> None:
    sets(tmp_path)
    documents, questions = drawn(tmp_path)
    assert (documents, questions) == drawn(tmp_path)  # the same each time
    texts = {key: text for key, _, text in documents}
    asked = [each for each in questions if each.there]
    assert all(rows.held(texts[each.document][:400]) for each in asked)
    assert all(each.document not in texts for each in questions if not each.there)
    assert 0.4 < len(asked) / len(questions) < 0.8
    assert len(documents) == len(asked) + MORE * len(SETS)


def test_an_answer_is_right_if_it_has_what_was_marked_or_is_of_the_passage() -> None:
    marked = Held("a 1", "How many nets?", "shed", ("nine  Nets",), there=True)
    assert right(marked, "There are nine nets in it.", [])
    assert not right(marked, "There are ten nets in it.", ["shed"])
    whole = Held("a 2", "What is the shed?", "shed", (), there=True)
    assert right(whole, "A shed.", ["quay", "shed"])
    assert not right(whole, "A shed.", ["quay"])
    elsewhere = Held("a 3", "How many nets?", "shed", ("nine nets",), there=False)
    assert right(elsewhere, "nine nets", ["quay"])  # another passage says so too
    absent = Held("a 4", "What is the shed?", "shed", (), there=False)
    assert not right(absent, "A shed.", ["shed"])


def test_further_questions_are_about_other_passages(tmp_path: Path) -> None:
    sets(tmp_path)
    documents, questions = drawn(tmp_path)
    more, others = drawn(tmp_path, dict.fromkeys(SETS, 5), further=True)
    assert len(others) == 5 * len(SETS)
    asked = {(each.number.split()[0], each.question) for each in questions}
    assert not asked & {(each.number.split()[0], each.question) for each in others}
    assert not {key for key, *_ in documents} & {key for key, *_ in more}
