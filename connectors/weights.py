"""Which weights may be loaded: a manifest of digests, signed where a key is configured."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field

from schemas.validation import Written, expected, validated
from streams.flow.errors import UserError
from streams.flow.port import Opening

FILE = "weights.json"
BUNDLE = ".sigstore.json"  # after the manifest's name: what `cosign sign-blob --bundle` writes
SHIPPED = Path(__file__).parents[1] / "policies"
KEY = "MILLRACE_WEIGHTS_KEY"

_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), expected("a SHA-256 in hexadecimal")]


class _File(Written):
    weights: Mapping[str, _Digest]


class UnvouchedError(UserError):
    """Weights that are there, and not what is vouched for: nothing goes on without them."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The digest of each weight by its name."""

    path: Path
    digests: Mapping[str, str]
    signed: bool  # by the key that is configured

    def check(self, name: str, digest: str, where: Path) -> None:
        """Raises `UnvouchedError` unless what is in `where` has the digest of this name."""
        known = self.digests.get(name)
        if digest == known:
            return
        said = f"none for '{name}'" if known is None else f"{known[:12]} for '{name}'"
        sign = f", sign {self.path.name} anew" if self.signed else ""
        raise UnvouchedError(
            f"{where} has the digest {digest[:12]} and is not loaded: {self.path} has {said}; "
            f"put back what was released, or run `millrace weights --accept {name}={where}`{sign}"
        )


def manifest(opening: Opening) -> Manifest:
    """The manifest of a process, read and verified once.

    Raises:
        UnvouchedError: it is absent, wrong, or not signed by the key that is configured.
    """
    return opening.once(FILE, lambda: read(place(opening.policies), opening.weights_key))


def place(policies: Path | None) -> Path:
    """Where the manifest is: in this folder of policies, else in the release's."""
    own = None if policies is None else policies / FILE
    return own if own is not None and own.exists() else SHIPPED / FILE


def read(path: Path, key: Path | None = None) -> Manifest:
    """A manifest; with a key, if its signature beside it is of that key.

    Raises:
        UnvouchedError: it is absent, wrong, or not signed so.
    """
    data = _content(path)
    if key is not None:
        _verify(path, data, key)
    try:
        said: Any = json.loads(data)
        if not isinstance(said, dict):
            raise ValueError("it is no object")
        found = validated(_File, cast("dict[str, Any]", said))
    except ValueError as error:
        raise UnvouchedError(f"the manifest of weights {path} cannot be used: {error}") from None
    return Manifest(path, found.weights, key is not None)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `UserError` if it cannot be read."""
    try:
        about = path.stat()
        return _digest_of(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


@lru_cache(maxsize=16)
def _digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - of the key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(path: Path, data: bytes, key: Path) -> None:
    """Raises `UnvouchedError` unless the bundle beside the manifest is of this key."""
    bundle = path.with_name(path.name + BUNDLE)
    remedy = f"cosign sign-blob --key KEY --bundle {bundle} {path}"
    try:
        public = load_pem_public_key(_content(key))
    except ValueError:
        raise UnvouchedError(f"{KEY} is {key}, which is no public key in PEM") from None
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise UnvouchedError(f"{KEY} is {key}, which is no ECDSA key: `cosign generate-key-pair`")
    if not bundle.exists():
        raise UnvouchedError(f"{KEY} is set and {path} is not signed: `{remedy}`")
    try:
        signature = base64.b64decode(
            json.loads(_content(bundle))["messageSignature"]["signature"], validate=True
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise UnvouchedError(
            f"{bundle} holds no signature as cosign writes it: `{remedy}`"
        ) from None
    try:
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise UnvouchedError(
            f"{bundle} is no signature of {path} by {key}: no weight is loaded; take the manifest "
            f"that was signed, or, if this one is meant, `{remedy}`"
        ) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnvouchedError(f"{path} cannot be read: {error.strerror or error}") from None
