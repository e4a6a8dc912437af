"""The schemas of topics as files: what a reader in another language needs, and no more."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.app.subjects import INDEX, Subject, beside, exported, subjects
from streams.app.topology import topics_of, topology
from streams.flow.errors import UserError
from streams.runtime.codec import SINGLE_OBJECT, Codec
from tests.support.any_event import event_of
from tests.support.fakes import CONFIG
from tests.support.node import NPM, modules, node

avro: Any = fastavro
STAGES = topology(CONFIG)
READ = """
const avro = require("avsc");
const { readFileSync } = require("node:fs");
// Whole numbers of 64 bits, which this package leaves to its users.
const long = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE(),
  toBuffer: (number) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(number);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (number) => typeof number === "bigint",
  compare: (one, other) => Number(one > other) - Number(one < other),
});
for (const [file, value] of JSON.parse(readFileSync(0, "utf8"))) {
  const type = avro.Type.forSchema(JSON.parse(readFileSync(file, "utf8")), { registry: { long } });
  const record = Buffer.from(value, "base64").subarray(10);
  // What was read is written again, so that nothing can be left out unseen.
  console.log(type.toBuffer(type.fromBuffer(record)).toString("base64"));
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    exported(folder, subjects(STAGES))
    return folder


def records(folder: Path) -> list[tuple[Path, bytes, Any]]:
    """For each topic: the file of its schema, a record of it and what that says."""
    chance, codec = random.Random(7), Codec()
    found: list[tuple[Path, bytes, Any]] = []
    for each in json.loads((folder / INDEX).read_text()):
        event = event_of(chance, each["event"])
        value = codec.encode(each["topic"], event)
        assert value[:10] == SINGLE_OBJECT + bytes.fromhex(each["fingerprint"])
        found.append((folder / each["file"], value, event.to_avro()))
    return found


def test_every_topic_is_exported(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())
    assert {each["topic"] for each in index} == {
        topic.name for topic in topics_of(STAGES) if topic.read is None
    }
    assert {each["file"] for each in index} == {file.name for file in folder.glob("*.avsc")}


def test_each_topic_is_read_with_its_file_and_fastavro_alone(folder: Path) -> None:
    for file, value, said in records(folder):
        schema = avro.parse_schema(json.loads(file.read_text()), named_schemas={})
        assert avro.schemaless_reader(BytesIO(value[10:]), schema, None) == said


def test_each_topic_is_read_with_its_file_in_javascript(folder: Path, tmp_path: Path) -> None:
    some = records(folder)
    asked = [[str(file), base64.b64encode(value).decode()] for file, value, _ in some]
    done = subprocess.run(
        [node(), "-e", READ],
        input=json.dumps(asked),
        env={"NODE_PATH": str(modules({"avsc": NPM["avsc"]}, tmp_path))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    for (file, value, _), line in zip(some, done.stdout.split(), strict=True):
        assert base64.b64decode(line) == value[10:], file.name


def test_what_another_release_exported_is_told_apart(tmp_path: Path) -> None:
    ours = subjects(STAGES)
    exported(tmp_path, ours)
    assert [state.changes for state in beside(tmp_path, ours)] == [[]] * len(ours)
    file = tmp_path / "rag.answers-value.avsc"
    schema = json.loads(file.read_text())
    gone = schema["fields"].pop()["name"]
    file.write_text(json.dumps(schema))
    (tmp_path / "rag.feedback-value.avsc").unlink()
    changed = {state.subject.topic: state for state in beside(tmp_path, ours) if state.changes}
    assert set(changed) == {"rag.answers", "rag.feedback"}
    assert changed["rag.answers"].changes[0].startswith(f"QuestionAnswered.{gone}: added")
    assert changed["rag.feedback"].changes == ["new"] and changed["rag.feedback"].version is None


def test_a_folder_of_anything_else_is_refused_by_name(tmp_path: Path) -> None:
    ours = [Subject("rag.answers", "QuestionAnswered")]
    with pytest.raises(UserError, match=r"has no topics\.json"):
        beside(tmp_path, ours)
    exported(tmp_path, ours)
    (tmp_path / "rag.answers-value.avsc").write_text("{")
    with pytest.raises(UserError, match=r"rag\.answers-value\.avsc is no JSON"):
        beside(tmp_path, ours)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        exported(tmp_path / "file" / "folder", ours)
