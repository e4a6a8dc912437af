"""What a release is made of stands under licences that its users can take, and says so."""

from __future__ import annotations

import re
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from streams.local import jars
from streams.release import licences


def test_nothing_in_the_default_is_copyleft_or_unknown() -> None:
    found = licences.licences()
    assert {"confluent-kafka", "qdrant-edge-py", "openvino", "tokenizers"} <= found.keys()
    assert licences.refused(found) == {}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the document is of Python 3.11")
def test_the_document_is_fresh() -> None:
    remedy = "run: python -m streams.release.licences"
    assert licences.DOCUMENT.read_text(encoding="utf-8") == licences.rendered(), remedy


@pytest.mark.parametrize(
    ("said", "is_refused"),
    [
        ("GPL-3.0-only", True),
        ("License: LGPL-2.1", True),
        ("", True),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", True),
        ("License-Expression: MIT AND AGPL-3.0-or-later", True),
        ("License: Apache 2.0", False),
        ("License: MIT License", False),
    ],
)
def test_a_package_is_refused_by_what_it_says(tmp_path: Path, said: str, is_refused: bool) -> None:
    header = said if ":" in said or not said else f"License: {said}"
    folder = tmp_path / "some-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: some\nVersion: 1\n{header}\n")
    told = licences.licence("some", Distribution.at(folder))
    assert bool(licences.refused({"some": told})) == is_refused


def test_jars_that_say_their_licence_say_what_the_document_says() -> None:
    others = 0
    for jar in jars.KAFKA.classpath():
        with zipfile.ZipFile(jar) as archive:
            names = [name for name in archive.namelist() if name in ("LICENSE", "META-INF/LICENSE")]
            text = b"".join(map(archive.read, names)).decode("utf-8", "replace")
        name = re.split(r"-\d", jar.name)[0]
        if "Apache License" in text:
            assert name not in licences.JARS
        others += name in licences.JARS
    assert others == len(licences.JARS), "each that is named is there"
