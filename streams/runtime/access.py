"""How the broker knows who we are, and how we know that it is the broker."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from streams.flow.errors import UserError
from streams.flow.secret_file import secret_of
from streams.flow.section import Section

SCRAM = "scram-sha-512"  # Strimzi's, and what a user without a mechanism is known by
VARIABLE = "MILLRACE_BROKER__"


class BrokerSettings(Section):
    """Who we are to the broker. Nothing set: it asks nobody, and nothing is encrypted."""

    section: ClassVar[str] = "broker"

    mechanism: Literal["", "plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] = Field(
        default="", description=f"SASL; empty: {SCRAM} for a user, oauthbearer for a token, or none"
    )
    user: str = Field(default="", description="Of SASL; the client's id where `token_url` is asked")
    password: SecretStr = Field(default=SecretStr(""), description="The user's, or the client's")
    password_file: Path | None = Field(
        default=None, description="A file that holds it, followed while it changes"
    )
    token_file: Path | None = Field(
        default=None, description="A file that holds a bearer token, read anew before that expires"
    )
    token_url: str = Field(
        default="", repr=False, description="Where a client gets its bearer token (OIDC)"
    )
    scope: str = Field(default="", description="Asked for at `token_url`")
    tls: bool = False
    ca_file: Path | None = Field(
        default=None, description="The authority of the broker's certificate; unset: the system's"
    )
    certificate_file: Path | None = Field(
        default=None, description="Our own certificate, where the broker asks for one (PEM)"
    )
    key_file: Path | None = Field(default=None, description="Its key (PEM)")
    key_password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in ("ca_file", "certificate_file", "key_file"):
            if getattr(self, name) is not None and not self.tls:
                raise ValueError(f"{VARIABLE}{name.upper()} is set: set {VARIABLE}TLS too")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError(
                f"set {VARIABLE}CERTIFICATE_FILE and {VARIABLE}KEY_FILE, or neither of them"
            )
        if self.token_file is not None and self.token_url:
            raise ValueError(f"set {VARIABLE}TOKEN_FILE or {VARIABLE}TOKEN_URL, not both")
        if self.sasl not in ("", "oauthbearer") and not self.user:
            raise ValueError(f"{VARIABLE}MECHANISM is {self.sasl}: set {VARIABLE}USER")
        if self.sasl == "oauthbearer" and not (self.token_file or self.token_url):
            raise ValueError(
                f"{VARIABLE}MECHANISM is oauthbearer: set {VARIABLE}TOKEN_FILE or "
                f"{VARIABLE}TOKEN_URL"
            )
        return self

    @property
    def sasl(self) -> str:
        """The mechanism; empty: none."""
        if self.mechanism:
            return self.mechanism
        if self.token_file is not None or self.token_url:
            return "oauthbearer"
        return SCRAM if self.user else ""

    @property
    def protocol(self) -> str:
        """As Kafka calls it."""
        if self.sasl:
            return "sasl_ssl" if self.tls else "sasl_plaintext"
        return "ssl" if self.tls else "plaintext"

    @property
    def where_password(self) -> str:
        """The setting that says the password."""
        return f"{VARIABLE}PASSWORD" + ("" if self.password_file is None else "_FILE")

    def said_password(self) -> str:
        """The password as it is now.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        found = secret_of(f"{VARIABLE}PASSWORD", self.password, self.password_file, "password")
        if not found:
            raise UserError(
                f"{VARIABLE}USER is {self.user}: set {VARIABLE}PASSWORD_FILE, or {VARIABLE}PASSWORD"
            )
        return found

    @property
    def certificates(self) -> tuple[Path, ...]:
        """The files that a connection by TLS is made with."""
        files = (self.ca_file, self.certificate_file, self.key_file)
        return tuple(file for file in files if file is not None)
