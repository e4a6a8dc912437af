"""Weights are loaded if they are what the manifest has, and the manifest what somebody signed."""

from __future__ import annotations

import base64
import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from connectors import weights
from connectors.minilm import embedder
from connectors.minilm.port import SHIPPED
from connectors.sentence_transformers.port import _vouched  # pyright: ignore[reportPrivateUsage]
from connectors.sentence_transformers.weights import digest_of as digest_of_folder
from evaluation.quality.judging.weights import shipped as judge
from processors.needs import COUNTER, EMBEDDER, READER
from streams.app.config import config
from streams.app.policies import SHIPPED as POLICIES
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.cli import command_line
from streams.flow.errors import UserError
from streams.flow.port import Opening, Port

MODEL = embedder.MiniLM.model
COSIGN = Path(__file__).parent / "cosign"  # what the real one wrote, and its key


def altered(path: Path, to: Path) -> Path:
    """A copy, but for one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    to.write_bytes(data)
    return to


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The published model's folder, of this test."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (embedder.weights_file(), embedder.tokens_file()):
        (folder / file.name).symlink_to(file)
    monkeypatch.setattr(embedder, "_model_folder", lambda: folder)
    return folder


def opened(port: Port[Any], **said: object) -> None:
    with ExitStack() as stack:
        open_these(Settings(**said), stack, port)


def test_the_released_manifest_has_what_is_released() -> None:
    known = weights.read(POLICIES / weights.FILE).digests
    assert known == {
        f"{MODEL}/model.safetensors": weights.digest_of(embedder.weights_file()),
        f"{MODEL}/tokenizer.json": weights.digest_of(embedder.tokens_file()),
        "judge": weights.digest_of(judge()),
        "reader": weights.digest_of(SHIPPED),
    }


@pytest.mark.parametrize(
    ("port", "file"),
    [
        (EMBEDDER, "model.safetensors"),
        (EMBEDDER, "tokenizer.json"),
        (COUNTER, "tokenizer.json"),
        (READER, "model.safetensors"),
    ],
)
def test_a_published_weight_that_differs_in_a_bit_is_not_loaded(
    port: Port[Any], file: str, model: Path, tmp_path: Path
) -> None:
    original = (model / file).resolve()
    (model / file).unlink()
    changed = altered(original, model / file)
    with pytest.raises(UserError) as refused:
        opened(port, data=tmp_path / "data")
    said = str(refused.value)
    assert str(changed) in said
    assert weights.digest_of(changed)[:12] in said
    assert f"millrace weights --accept {MODEL}/{file}=" in said


def test_a_reader_that_differs_in_a_bit_ends_the_worker_and_is_not_just_left_out(
    tmp_path: Path,
) -> None:
    changed = altered(SHIPPED, tmp_path / "reader.npz")
    with pytest.raises(UserError, match=f"{changed} has the digest .* and is not loaded"):
        opened(READER, data=tmp_path / "data", reading={"weights": changed})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Policies of one's own, with a manifest that is signed."""
    made = tmp_path / "policies"
    shutil.copytree(POLICIES, made)
    sign(made / weights.FILE, tmp_path / "weights.pub")
    return made


def sign(manifest: Path, public: Path) -> None:
    """As `cosign sign-blob --key` does: ECDSA over SHA-256, in a Sigstore bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(pem)
    signature = key.sign(manifest.read_bytes(), ec.ECDSA(hashes.SHA256()))
    said = {"messageSignature": {"signature": base64.b64encode(signature).decode()}}
    manifest.with_name(manifest.name + weights.BUNDLE).write_text(json.dumps(said))


def test_a_manifest_that_the_key_signed_lets_weights_in(folder: Path, tmp_path: Path) -> None:
    opened(COUNTER, data=tmp_path, policies=folder, weights_key=tmp_path / "weights.pub")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("a bit", "is no signature of"),
        ("another key", "is no signature of"),
        ("a weight", "is no signature of"),
        ("no signature", "is not signed: `cosign sign-blob --key"),
        ("an empty bundle", "holds no signature as cosign writes it"),
        ("a bundle of something else", "holds no signature as cosign writes it"),
        ("no key", "cannot be read"),
        ("no PEM", "which is no public key in PEM"),
        ("Ed25519", "which is no ECDSA key"),
    ],
)
def test_a_manifest_that_is_not_signed_by_the_key_lets_nothing_in(
    change: str, said: str, folder: Path, tmp_path: Path
) -> None:
    manifest, key = folder / weights.FILE, tmp_path / "weights.pub"
    bundle = manifest.with_name(manifest.name + weights.BUNDLE)
    if change == "a bit":
        altered(manifest, manifest)
    elif change == "another key":
        kept, key = bundle.read_text(), tmp_path / "other.pub"
        sign(manifest, key)
        bundle.write_text(kept)
    elif change == "a weight":
        found = json.loads(manifest.read_text())
        found["weights"]["reader"] = "0" * 64
        manifest.write_text(json.dumps(found))
    elif change == "no signature":
        bundle.unlink()
    elif change == "an empty bundle":
        bundle.write_text("")
    elif change == "a bundle of something else":
        bundle.write_text('{"dsseEnvelope": {}}')
    elif change == "no key":
        key.unlink()
    elif change == "no PEM":
        key.write_text("key")
    elif change == "Ed25519":
        public = ed25519.Ed25519PrivateKey.generate().public_key()
        key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for port in (COUNTER, READER):
        with pytest.raises(UserError, match=said):
            opened(port, data=tmp_path / "data", policies=folder, weights_key=key)


def test_what_cosign_wrote_is_a_signature(tmp_path: Path) -> None:
    found = weights.read(COSIGN / weights.FILE, COSIGN / "cosign.pub")
    assert found.signed
    for file in COSIGN.iterdir():
        shutil.copy(file, tmp_path / file.name)
    altered(COSIGN / weights.FILE, tmp_path / weights.FILE)
    with pytest.raises(UserError, match="is no signature of"):
        weights.read(tmp_path / weights.FILE, tmp_path / "cosign.pub")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("[]", "it is no object"),
        ("{", "Expecting"),
        ("{}", "weights"),
        ('{"weights": {"reader": "abc"}}', "a SHA-256 in hexadecimal"),
        ('{"weights": {}, "more": 1}', "more"),
    ],
)
def test_a_manifest_of_another_form_is_named(said: str, wrong: str, tmp_path: Path) -> None:
    path = tmp_path / weights.FILE
    path.write_text(said)
    with pytest.raises(UserError, match=f"{path} cannot be used: .*{wrong}"):
        weights.read(path)


def test_a_model_in_a_folder_needs_the_manifest_once_that_is_signed(
    folder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    digest, manifest = digest_of_folder(model), folder / weights.FILE

    def opening(key: Path | None) -> Opening:
        return Opening(tmp_path, ExitStack(), policies=folder, weights_key=key)

    assert _vouched(model, digest, "encoder", opening(None)) == model
    key = tmp_path / "weights.pub"
    with pytest.raises(UserError, match=f"none for 'encoder'.* encoder={model}.* sign"):
        _vouched(model, digest, "encoder", opening(key))
    found = json.loads(manifest.read_text())
    found["weights"]["encoder"] = digest
    manifest.write_text(json.dumps(found))
    sign(manifest, key)
    assert _vouched(model, digest.upper(), "encoder", opening(key)) == model


def test_answers_name_the_manifest_that_is_in_force(folder: Path, tmp_path: Path) -> None:
    said = config(Settings(data=tmp_path, policies=folder)).versions.weights
    assert said == weights.digest_of(POLICIES / weights.FILE)
    altered(folder / weights.FILE, folder / weights.FILE)
    said = config(Settings(data=tmp_path, policies=folder)).versions.weights
    assert said == weights.digest_of(folder / weights.FILE)


def test_a_folder_of_policies_without_a_manifest_has_that_of_the_release(folder: Path) -> None:
    (folder / weights.FILE).unlink()
    assert weights.place(folder) == POLICIES / weights.FILE


def test_who_means_other_weights_records_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = altered(SHIPPED, tmp_path / "mine.npz")
    monkeypatch.setenv("MILLRACE_POLICIES", str(folder))
    monkeypatch.setenv("MILLRACE_READING__WEIGHTS", str(changed))
    asked = CliRunner().invoke(command_line(), ["weights"])
    assert asked.exit_code == 1
    assert "reader  NOT as there" in asked.output
    done = CliRunner().invoke(command_line(), ["weights", "--accept", f"reader={changed}"])
    assert done.exit_code == 0, done.output
    asked = CliRunner().invoke(command_line(), ["weights", "--json"])
    assert asked.exit_code == 0
    known = {each["name"]: each for each in json.loads(asked.output)["weights"]}
    assert known["reader"]["digest"] == known["reader"]["allowed"] == weights.digest_of(changed)
    assert len(known) == 3
    wrong = CliRunner().invoke(command_line(), ["weights", "--accept", "reader"])
    assert "NAME=PATH" in str(wrong.exception)
