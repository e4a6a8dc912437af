"""Tools pinned by `infra/tools/go.mod`, built once into the user's cache.

`python -m tests.infra.tools NAME...` builds them ahead.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from streams.flow.caching import kept

MODULE = Path(__file__).parents[2] / "infra" / "tools"
KUBERNETES = "1.36.4"  # go.mod's: KEDA and helm read it off the API server
PACKAGES = {
    "helm": "helm.sh/helm/v3/cmd/helm",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "keda-operator": "github.com/kedacore/keda/v2/cmd/operator",
    "keda-adapter": "github.com/kedacore/keda/v2/cmd/adapter",
    "keda-webhooks": "github.com/kedacore/keda/v2/cmd/webhooks",
}
_VERSION = {
    "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
    "k8s.io/component-base/version.gitMajor": KUBERNETES.split(".")[0],
    "k8s.io/component-base/version.gitMinor": KUBERNETES.split(".")[1],
    "k8s.io/client-go/pkg/version.gitVersion": f"v{KUBERNETES}",
}


def cached(name: str) -> Path:
    """A folder of the user's cache for what these pins make."""
    pins = b"".join((MODULE / file).read_bytes() for file in ("go.mod", "go.sum"))
    mark = hashlib.blake2b(pins, digest_size=8).hexdigest()
    folder = kept(f"infra-{mark}", Path("build") / f"infra-{mark}") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tool(name: str) -> Path:
    """The program, built if it is not there yet."""
    target = cached("bin") / name
    if not target.exists():
        flags = " ".join(["-s -w", *(f"-X {key}={value}" for key, value in _VERSION.items())])
        built = target.with_name(f"{name}.{os.getpid()}")
        _go("build", "-p", "2", "-trimpath", "-ldflags", flags, "-o", str(built), PACKAGES[name])
        built.rename(target)
    return target


def module(path: str, version: str = "") -> Path:
    """The folder of a Go module's source: as pinned, or of a version."""
    if not version:
        _go("mod", "download", path)
        return Path(_go("list", "-m", "-f", "{{.Dir}}", path).strip())
    return Path(json.loads(_go("mod", "download", "-json", f"{path}@{version}"))["Dir"])


def run(name: str, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:  # noqa: A002
    """Run a tool; its end is the caller's to judge."""
    return subprocess.run(
        [tool(name), *arguments], input=input, capture_output=True, text=True, timeout=120
    )


def _go(*arguments: str) -> str:
    go = shutil.which("go")
    assert go, "these checks need Go 1.26 or newer: https://go.dev/dl/"
    done = subprocess.run([go, *arguments], cwd=MODULE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PACKAGES:
        print(tool(wanted))
