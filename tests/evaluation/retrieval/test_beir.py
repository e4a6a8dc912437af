"""BEIR folders as they come, and the measures on them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.retrieval import beir
from evaluation.retrieval.lookups import lookups
from evaluation.retrieval.measures import Quality, documents, ndcg, recall, trec
from streams.flow.errors import UserError

CORPUS: list[Mapping[str, str]] = [
    {"_id": "d1", "title": "AC-2 Accounts", "text": "a"},
    {"_id": "d2", "text": "b"},
]
QUERIES = [{"_id": "q1", "text": "one"}, {"_id": "q2", "text": "two"}]


def folder(
    path: Path,
    files: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    *,
    qrels: str | None = None,
    packed: bool = False,
) -> Path:
    files = {"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, **(files or {})}
    for name, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        data = text.encode()
        target = path / (f"{name}.gz" if packed else name)
        target.write_bytes(gzip.compress(data) if packed else data)
    if qrels is not None:
        (path / "qrels.tsv").write_text(qrels)
    return path


def test_a_folder_is_read_gzipped_or_not_and_with_either_form_of_judgements(tmp_path: Path) -> None:
    rows = [{"query-id": "q1", "corpus-id": "d1", "score": 2}]
    under = [{"query_id": "q1", "corpus_id": "d1", "score": 2}]
    found: list[beir.Judged] = []
    for number, (packed, judgements) in enumerate([(False, rows), (True, rows), (False, under)]):
        path = tmp_path / str(number)
        path.mkdir()
        found.append(beir.judged(folder(path, {"qrels.jsonl": judgements}, packed=packed)))
    tsv = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq2\td2\t0\n"
    found.append(beir.judged(folder(tmp_path, qrels=tsv)))
    for each in found:
        assert each.queries == {"q1": "one"}  # q2 has no relevant document
        assert each.relevant == {"q1": {"d1": 2}}


@pytest.mark.parametrize(
    ("qrels", "said"),
    [
        (None, "has no judgements: qrels.jsonl, qrels.tsv or qrels/test.tsv"),
        ("query-id\tscore\nq1\t1\n", "qrels.tsv has no column corpus-id"),
        ("query-id\tcorpus-id\tscore\nq9\td1\t1\n", "question q9, which queries.jsonl does not"),
        ("query-id\tcorpus-id\tscore\nq1\td1\thigh\n", "qrels.tsv:2 .* the score 'high'"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t.5\n", "qrels.tsv:2 .* the score '.5'"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t0\n", "name no relevant document"),
        ("q1\td1\n", "no column query-id, and 2 columns"),
    ],
)
def test_what_is_wrong_with_judgements_is_named(
    tmp_path: Path, qrels: str | None, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        beir.judged(folder(tmp_path, qrels=qrels))


def test_a_missing_file_or_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        beir.judged(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"it has no corpus.jsonl or corpus.jsonl.gz"):
        beir.judged(tmp_path)
    one = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"
    folder(tmp_path, {"queries.jsonl": [{"_id": "q1"}]}, qrels=one)
    with pytest.raises(UserError, match=r"queries.jsonl:1 .* has no text"):
        beir.judged(tmp_path)
    (tmp_path / "queries.jsonl").write_text("{no json\n")
    with pytest.raises(UserError, match=r"queries.jsonl:1 .* is not JSON"):
        beir.judged(tmp_path)
    (tmp_path / "queries.jsonl").unlink()
    (tmp_path / "queries.jsonl.gz").write_bytes(gzip.compress(b'{"_id": "q", "text": "t"}\n')[:-8])
    with pytest.raises(UserError, match="cannot be read to its end"):
        beir.judged(tmp_path)


@pytest.mark.parametrize(
    "qrels",
    ["q1\td1\t2\n", "q1\td1\t2.0\nq2\td2\t0.0\n", "q1 0 d1 2\n", '"q1"\t"d1"\t"2"\n'],
    ids=["no names", "floats", "TREC", "quotes"],
)
def test_judgements_in_columns_need_no_names(tmp_path: Path, qrels: str) -> None:
    assert beir.judged(folder(tmp_path, qrels=qrels)).relevant == {"q1": {"d1": 2}}


def test_a_stray_quote_belongs_to_its_id(tmp_path: Path) -> None:
    found = beir.judged(folder(tmp_path, qrels='q1\t"d1\t1\nq2\td2\t1\n'))
    assert found.relevant == {"q1": {'"d1': 1}, "q2": {"d2": 1}}


def test_judgements_in_beirs_own_folder_are_read_and_the_choice_is_told(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "qrels").mkdir()
    for name, query in (("train", "q2"), ("test", "q1")):
        text = f"query-id\tcorpus-id\tscore\n{query}\td1\t1\n"
        (tmp_path / "qrels" / f"{name}.tsv").write_text(text)
    found = beir.judged(tmp_path)
    assert list(found.queries) == ["q1"]
    assert found.said() == [f"{found.name}: judged by qrels/test.tsv, not by qrels/train.tsv"]
    assert list(beir.judged(tmp_path, "train").queries) == ["q2"]
    assert list(beir.judged(tmp_path, prefer=("train", "test")).queries) == ["q2"]
    with pytest.raises(UserError, match=r"has no judgements: qrels/dev\.tsv"):
        beir.judged(tmp_path, "dev")
    (tmp_path / "qrels" / "test.tsv").unlink()
    assert beir.judged(tmp_path).said() == []


def test_a_question_or_judgement_that_cannot_be_used_is_named_and_the_rest_read(
    tmp_path: Path,
) -> None:
    queries = [*QUERIES, {"_id": "q3", "text": " "}, {"_id": "q4", "text": "half \ud83d"}]
    qrels = "q1\td1\t1\nq3\td1\t1\nq9\td1\t1\nq2\t\t1\nq2\td1\thigh\n"
    found = beir.judged(folder(tmp_path, {"queries.jsonl": queries}, qrels=qrels))
    assert found.queries == {"q1": "one"}
    said = [each.replace(f" of {tmp_path}", "") for each in found.skipped]
    assert said == [
        "queries.jsonl:3 has no text",
        "queries.jsonl:4 has half a character (a lone surrogate)",
        "qrels.tsv:3 judges question q9, which queries.jsonl does not have",
        "qrels.tsv:4 has no corpus-id",
        "qrels.tsv:5 has the score 'high', which is no whole number",
    ]
    (line,) = found.said()
    assert "5 questions or judgements left out: queries.jsonl:3" in line


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    beir.write(tmp_path / "x", CORPUS, {"q1": "one"}, {"q1": {"d1": 1}})
    found = beir.judged(tmp_path / "x")
    assert (found.name, found.queries, found.relevant) == ("x", {"q1": "one"}, {"q1": {"d1": 1}})


def test_measures_by_hand() -> None:
    grades = {"a": 1, "b": 1}
    assert ndcg(["a", "b"], grades) == 1.0
    assert ndcg(["x", "a"], grades) == pytest.approx((1 / 1.58496) / (1 + 1 / 1.58496), rel=1e-4)
    assert recall(["x", "a"], grades, 1) == 0.0
    assert recall(["x", "a"], grades, 2) == 0.5
    assert documents(["a", "a", "b", "a"]) == ["a", "b"]
    found = Quality.of({"q1": ["x", "a"]}, {"q1": grades, "q2": {"z": 1}})
    assert (found.mrr, found.first, found.questions) == (0.25, 0.0, 2)


def test_a_run_is_in_trecs_form() -> None:
    assert trec({"q1": ["d2", "d1"]}, "tag") == (
        "q1 Q0 d2 1 1.000000 tag\nq1 Q0 d1 2 0.500000 tag\n"
    )


def test_identifiers_of_titles_become_questions(tmp_path: Path) -> None:
    found = lookups(folder(tmp_path))
    assert found.queries == {"ac-2": "ac-2", "What does ac-2 say?": "What does ac-2 say?"}
    assert found.relevant["ac-2"] == {"d1": 1}
