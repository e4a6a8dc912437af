"""Certificates of a control plane on this machine: one authority, good for a day."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1")


class Authority:
    """Writes `ca.crt`, and `NAME.crt` with `NAME.key` for each that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        ca = x509.BasicConstraints(ca=True, path_length=None)
        made = self._about(self._name, self._key).add_extension(ca, critical=True)
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def leaf(
        self, name: str, common_name: str, group: str = "", hosts: Sequence[str] = LOOPBACK
    ) -> Path:
        """A certificate for both sides of a connection; returns its path, without an ending."""
        key = ec.generate_private_key(ec.SECP256R1())
        named = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if group:
            named.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = (
            self._about(x509.Name(named), key)
            .add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".crt").write_bytes(_pem(made.sign(self._key, hashes.SHA256())))
        path.with_suffix(".key").write_bytes(_private(key))
        return path

    def signer(self) -> Path:
        """A key for the tokens of service accounts, with its public half beside it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = self.folder / "accounts"
        path.with_suffix(".key").write_bytes(_private(key))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        path.with_suffix(".pub").write_bytes(public)
        return path

    def _about(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
