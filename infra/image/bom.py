"""What the image is made of, as CycloneDX: Debian's packages, Python's, and the models' weights."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from streams.app import policies
from streams.release import licences

Component = dict[str, Any]
SUITE = "debian-12"


def bom(folder: Path) -> Component:
    """Of the image whose parts are in `folder`. The same parts give the same document."""
    components = [
        *_debian(folder / "rootfs.tar"),
        *_python(folder / "requirements.txt"),
        *_models(),
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": "millrace",
                "name": "millrace",
                "version": version("millrace"),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": "millrace", "dependsOn": [each["bom-ref"] for each in components]}
        ],
    }


def _debian(rootfs: Path) -> Iterator[Component]:
    """As dpkg has them written down in the root."""
    with tarfile.open(rootfs) as archive:
        file = archive.extractfile("./var/lib/dpkg/status")
        assert file is not None
        text = file.read().decode()
    for entry in sorted(text.strip().split("\n\n")):
        said = dict(re.findall(r"^(Package|Version|Architecture): (.*)$", entry, re.MULTILINE))
        name, number = said["Package"], said["Version"]
        where = f"pkg:deb/debian/{name}@{number.replace('+', '%2B').replace(':', '%3A')}"
        purl = f"{where}?arch={said['Architecture']}&distro={SUITE}"
        yield {
            "type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl,
        }  # fmt: skip


def _python(requirements: Path) -> Iterator[Component]:
    """As they are pinned, with the hashes of what may be installed, and their licences."""
    known = licences.licences()
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", requirements.read_text("utf-8").strip()):
        head = re.match(r"([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", entry)
        assert head is not None, entry
        name, number = head.groups()
        key = re.sub(r"[-_.]+", "-", name).lower()
        purl = f"pkg:pypi/{key}@{number}"
        found: Component = {
            "type": "library", "bom-ref": purl, "name": key, "version": number, "purl": purl,
        }  # fmt: skip
        with suppress(PackageNotFoundError):
            said = known.get(key) or licences.licence(key, distribution(key))
            found["licenses"] = [{"license": {"name": said}}]
        yield found


def _models() -> Iterator[Component]:
    """The weights that the image has, by the manifest of weights: its AI part."""
    said: dict[str, str] = json.loads((policies.SHIPPED / "weights.json").read_text("utf-8"))[
        "weights"
    ]
    for name, digest in sorted(said.items()):
        if name == "judge":  # of evaluations, and not in the image
            continue
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"weights:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "modelCard": {"modelParameters": {"task": _TASKS[name.rpartition("/")[2]]}},
        }


_TASKS = {
    "model.safetensors": "sentence similarity",
    "tokenizer.json": "tokenization",
    "reader": "extractive question answering",
}
