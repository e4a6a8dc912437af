"""Certificates of servers and clients on this machine: one authority, good for a day."""

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
_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Writes `ca.crt`, and `NAME.crt` with `NAME.key` for each that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        ca = x509.BasicConstraints(ca=True, path_length=None)
        made = (
            self._about(self._name, self._key)
            .add_extension(ca, critical=True)
            .add_extension(_SIGNS, critical=True)
        )
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def leaf(
        self,
        name: str,
        common_name: str,
        group: str = "",
        hosts: Sequence[str] = LOOPBACK,
        days: float = 1,
    ) -> Path:
        """A certificate for both sides of a connection; returns its path, without an ending.

        One for less than no `days` has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        named = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if group:
            named.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = (
            self._about(x509.Name(named), key, days)
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
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float = 1
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        until = now + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, until) - timedelta(minutes=5))
            .not_valid_after(until)
            # Python from 3.13 on asks for both.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
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
