"""The broker's jars are those that this release is made of."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from streams.flow.errors import UserError
from streams.local import jars
from streams.local.jars import KAFKA, Jars


@dataclass
class Mirror:
    """Serves jars into a folder, and keeps copies, as the resolver does."""

    folder: Path
    serves: dict[str, bytes]
    jars: Jars = KAFKA
    asked: list[bool] = field(default_factory=list[bool])

    def resolved(self, coordinates: str, *, update: bool) -> tuple[Path, tuple[Path, ...], Path]:
        self.asked.append(update)
        copies, into = self.folder / "copies", self.folder / "jars"
        for folder in (copies, into):
            folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.serves.items():
            if not (copies / name).exists():
                (copies / name).write_bytes(content)
            if not (into / name).exists():
                shutil.copy(copies / name, into / name)
        return into, tuple(into / name for name in self.serves), copies


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    mirror = Mirror(tmp_path / "mirror", {"a-1.jar": b"first", "b-2.jar": b"second"})
    lock = tmp_path / "jars.lock"
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in mirror.serves.items()
    ]
    lock.write_text("".join(lines))
    mirror.jars = replace(KAFKA, lock=lock)
    monkeypatch.setattr(jars, "_resolved", mirror.resolved)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return mirror


def test_what_was_fetched_is_found_again_without_asking(mirror: Mirror) -> None:
    told: list[str] = []
    first = mirror.jars.classpath(lambda: told.append("fetching"))
    assert [jar.name for jar in first] == ["a-1.jar", "b-2.jar"]
    assert mirror.jars.classpath(lambda: told.append("again")) == first
    assert told == ["fetching"] and mirror.asked == [False]


@pytest.mark.parametrize("damage", [b"fir", b"evil!"])
def test_a_jar_that_was_altered_is_fetched_again(mirror: Mirror, damage: bytes) -> None:
    first = mirror.jars.classpath()
    first[0].write_bytes(damage)
    (mirror.folder / "copies" / "a-1.jar").write_bytes(damage)
    assert mirror.jars.classpath() == first
    assert first[0].read_bytes() == b"first"
    assert mirror.asked == [False, False, True]


def test_a_mirror_that_serves_another_jar_is_refused_by_name(mirror: Mirror) -> None:
    mirror.serves["b-2.jar"] = b"another"
    with pytest.raises(UserError, match=r"is not what this release is made of \(b-2\.jar\)"):
        mirror.jars.classpath()


def test_a_jar_that_nobody_named_is_refused(mirror: Mirror) -> None:
    mirror.serves["c-3.jar"] = b"third"
    with pytest.raises(UserError, match=r"\(c-3\.jar\)"):
        mirror.jars.classpath()


def test_the_shipped_digests_are_those_of_the_brokers_jars() -> None:
    found = KAFKA.classpath()
    assert {jar.name for jar in found} == KAFKA.digests().keys()
    assert any(jar.name.startswith("kafka_2.13-4.") for jar in found)
