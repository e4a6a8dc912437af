"""Tokens as a port: whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.guard.ports import Tokens

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


class TokenSettings(Section):
    """Which tokens say who asks."""

    section: ClassVar[str] = "token"

    jwks: str = Field(default="", description="The signers' public keys: a file, or an https URL")
    issuer: str = ""
    audience: str = ""
    algorithm: Algorithm = "RS256"
    leeway_s: float = Field(default=30.0, ge=0, le=300, description="By how much clocks may differ")
    refresh_s: float = Field(default=300.0, gt=0, description="Between two looks at the keys")
    kept_s: float = Field(
        default=3600.0, gt=0, description="For how long keys stay good that cannot be read again"
    )
    tenant_claim: str = "tenant"
    user_claim: str = "sub"
    roles_claim: str = "roles"
    classes_claim: str = "classes"
    file: Path | None = Field(
        default=None, description="A file with the token that this machine's own questions carry"
    )


def tokens(settings: TokenSettings, opening: Opening) -> Tokens:
    """What verifies them.

    Raises:
        UserError: it is not said whose tokens count, or their keys would come over an open line.
    """
    from connectors.tokens.keys import Keys
    from connectors.tokens.verifying import Expected, JwtTokens

    for name in ("jwks", "issuer", "audience"):
        if not getattr(settings, name):
            raise UserError(f"MILLRACE_IDENTITY=token needs MILLRACE_TOKEN__{name.upper()}")
    url = urlsplit(settings.jwks)
    if url.scheme == "http" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise UserError("MILLRACE_TOKEN__JWKS must be an https URL: whoever alters it is anybody")
    keys = Keys(
        settings.jwks,
        refresh_s=settings.refresh_s,
        kept_s=settings.kept_s,
        watch=opening.watch,
    )
    expected = Expected(
        [settings.algorithm],
        settings.issuer,
        settings.audience,
        settings.leeway_s,
        settings.tenant_claim,
        settings.user_claim,
        settings.roles_claim,
        settings.classes_claim,
    )
    return JwtTokens(keys, expected)
